"""Feature loss + GAN on features small enough to work out, and on those of the embedded MobileNetV2."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.unit.methods.players import check_that_players_train_alone, losses_of, own_networks
from trainer.config.data import DataConfig
from trainer.config.errors import ConfigError
from trainer.config.method import Task
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.config.pretrained import PretrainedConfig
from trainer.config.section import check_section
from trainer.data.batch import Batch
from trainer.methods.base import Networks, Translates
from trainer.methods.feature_gan.config import FeatureGANConfig
from trainer.methods.registry import build_method
from trainer.methods.shared.content_gan import ContentGAN
from trainer.methods.shared.feature_distance import FeatureDistance
from trainer.presets import DEFAULT, load_preset
from trainer.runs.config import config_from_dict, config_to_dict

TASK = Task(channels_a=1, channels_b=3, side=32)
MOBILENET = PretrainedConfig(network="mobilenet_v2", layer="features.3", side=0)
CONFIG = FeatureGANConfig(
    generator=GeneratorConfig(architecture="resnet", num_filters=2, num_blocks=1, norm="instance", dropout=0),
    discriminator=PatchGANConfig(num_filters=2, num_layers=1, norm="instance"),
    pretrained=MOBILENET,
)


@pytest.fixture(scope="module")
def method() -> ContentGAN:
    torch.manual_seed(0)
    method = build_method(CONFIG, TASK)
    assert isinstance(method, ContentGAN)
    return method


@pytest.fixture
def distance(method: ContentGAN) -> FeatureDistance:
    assert isinstance(method.distance, FeatureDistance)
    return method.distance


def doubling() -> nn.Module:
    layer = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(layer.weight, 2.0)
    return layer


def test_generators_terms(method: ContentGAN):
    # G(x) = x / 2 = 1/4 and D(y) = 2 y, so (1/2 - 1)^2. phi(x) = 2 x, so 10 |2/4 - 2/2|.
    networks = Networks({"generator": lambda x: x / 2, "discriminator": lambda y: 2 * y}, {})
    batch = Batch(a=torch.full((1, 1, 2, 2), 0.5), b=torch.full((1, 1, 2, 2), -0.5), index=torch.arange(1))
    stubbed = ContentGAN(CONFIG, TASK, term="feature", weight=10.0, distance=FeatureDistance(doubling()))
    assert losses_of(stubbed, "generator", batch, networks) == pytest.approx({"gan": 0.25, "feature": 5.0})


def test_distance_sees_content_and_not_the_number_of_images(distance: FeatureDistance):
    torch.manual_seed(1)
    image, other = torch.rand(2, 3, 32, 32) * 2 - 1, torch.rand(2, 3, 32, 32) * 2 - 1
    assert distance(image, image).item() == 0
    noisy = image + 0.02 * torch.randn_like(image)
    assert 0 < distance(noisy, image) < distance(other, image)
    halves = [distance(other[i : i + 1], image[i : i + 1]) for i in range(2)]
    assert distance(other, image).item() == pytest.approx((halves[0] + halves[1]).item() / 2, rel=1e-5)


def test_a_grey_image_is_the_same_image_in_three_channels(distance: FeatureDistance):
    grey = torch.rand(1, 1, 32, 32) * 2 - 1
    assert distance(grey.expand(-1, 3, -1, -1).clone(), grey).item() == pytest.approx(0, abs=1e-6)


def test_gradients_reach_the_output_and_leave_the_features_alone(distance: FeatureDistance):
    features = distance.features
    before = deepcopy(features.state_dict())
    output = (torch.rand(2, 3, 32, 32) * 2 - 1).requires_grad_()
    image = (torch.rand(2, 3, 32, 32) * 2 - 1).requires_grad_()
    distance(output, image).backward()
    assert output.grad is not None and output.grad.abs().sum() > 0
    assert image.grad is None
    assert all(parameter.grad is None for parameter in features.parameters())
    assert not features.training
    assert all(torch.equal(value, before[name]) for name, value in features.state_dict().items())


def test_the_features_belong_to_no_player(method: ContentGAN):
    assert [name for player in method.players.values() for name in player.networks] == ["discriminator", "generator"]
    assert method.averaged == ("generator",)
    batch = Batch(a=torch.randn(2, 1, 32, 32), b=torch.randn(2, 3, 32, 32), index=torch.arange(2))
    check_that_players_train_alone(method, batch)


def test_building_draws_the_same_weights_as_without_features():
    """Loading the fixed network takes nothing from the run's random numbers."""
    torch.manual_seed(3)
    build_method(CONFIG, TASK)
    after = torch.rand(())
    torch.manual_seed(3)
    ContentGAN(CONFIG, TASK, term="feature", weight=1.0, distance=lambda output, image: output.mean())
    assert torch.equal(torch.rand(()), after)


def test_translates(method: ContentGAN):
    assert isinstance(method, Translates)
    networks = Networks(dict(method.players["generator"].networks), {})
    assert method.translate(networks, torch.zeros(1, 1, 16, 24)).shape == (1, 3, 16, 24)


def test_weight_0_needs_no_features(tmp_path):
    """Nor their weights, nor images that they can see."""
    config = replace(CONFIG, weight_feature=0.0, pretrained=PretrainedConfig(weights=tmp_path / "none.pth", side=0))
    config.check(DataConfig(load_size=16, crop_size=16))
    method = build_method(config, Task(channels_a=4, channels_b=3, side=16))
    batch = Batch(a=torch.randn(2, 4, 16, 16), b=torch.randn(2, 3, 16, 16), index=torch.arange(2))
    assert list(losses_of(method, "generator", batch, own_networks(method))) == ["gan"]


def test_missing_weights_are_named_when_the_method_is_built(tmp_path):
    config = FeatureGANConfig(pretrained=PretrainedConfig(weights=tmp_path / "vgg16.pth"))
    with pytest.raises(ConfigError, match=r"method\.pretrained\.weights = .*vgg16\.pth.*there is no such file"):
        build_method(config, TASK)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: check_section(PretrainedConfig(layer="conv9"), "method.pretrained"),
            r"method\.pretrained\.layer = 'conv9': .*relu4_2",
        ),
        (
            lambda: check_section(PretrainedConfig(network="mobilenet_v2"), "method.pretrained"),
            r"method\.pretrained\.layer = 'relu4_2': .*features\.0, .*features\.18",
        ),
        (lambda: check_section(PretrainedConfig(side=8), "method.pretrained"), r"method\.pretrained\.side = 8: use 0"),
        (lambda: check_section(FeatureGANConfig(weight_feature=-1), "method"), r"method\.weight_feature = -1: use 0"),
        (lambda: build_method(CONFIG, Task(channels_a=2, channels_b=3, side=32)), r"data\.view_a = '2 channels': "),
        (lambda: CONFIG.check(DataConfig(crop_size=16)), r"method\.pretrained\.side = 0: .*use 224"),
    ],
)
def test_impossible_values_are_rejected(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_the_section_survives_a_file(tmp_path):
    run = load_preset(DEFAULT)
    values = config_to_dict(run)
    values["method"] = {
        "name": "feature_gan",
        "pretrained": {"network": "mobilenet_v2", "layer": "features.6", "weights": str(tmp_path / "w.pth")},
    }
    config = config_from_dict(values)
    assert isinstance(config.method, FeatureGANConfig)
    assert config.method.pretrained.weights == tmp_path / "w.pth"
    assert config_from_dict(config_to_dict(config)) == config
