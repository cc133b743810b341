"""Pixel loss + GAN on networks small enough to work out."""

from math import exp, log

import pytest
import torch

from tests.unit.methods.players import check_that_players_train_alone, losses_of
from trainer.config.adversarial import AdversarialConfig
from trainer.config.data import DataConfig
from trainer.config.errors import ConfigError
from trainer.config.method import Task
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.config.section import check_section
from trainer.data.batch import Batch
from trainer.methods.base import Method, Networks, Translates, TranslatesBack
from trainer.methods.pixel_gan.config import PixelGANConfig
from trainer.methods.pixel_gan.method import pixel_distance
from trainer.methods.registry import build_method

TASK = Task(channels_a=1, channels_b=1, side=16)
BATCH = Batch(a=torch.full((1, 1, 2, 2), 0.5), b=torch.full((1, 1, 2, 2), -0.5), index=torch.arange(1))

# G(x) = x / 2 = 1/4; D(y) = 2 y, so -1 of the real image and 1/2 of the fake.
NETWORKS = Networks({"generator": lambda x: x / 2, "discriminator": lambda y: 2 * y}, {})


def build(task: Task = TASK, **changes) -> Method:
    generator = GeneratorConfig(architecture="resnet", num_filters=2, num_blocks=1, norm="instance", dropout=0)
    discriminator = PatchGANConfig(num_filters=2, num_layers=1, norm="instance")
    return build_method(PixelGANConfig(generator=generator, discriminator=discriminator, **changes), task)


def test_generators_terms():
    # Least squares: (1/2 - 1)^2. Equation 4, as a mean and times 10: |1/4 - 1/2|.
    assert losses_of(build(), "generator", BATCH, NETWORKS) == pytest.approx({"gan": 0.25, "pixel": 2.5})


def test_generators_terms_as_simgan_has_them():
    # -log(1 - D(R(x))), where SimGAN's D is the probability of a refined image: -log sigmoid(1/2) here.
    method = build(adversarial=AdversarialConfig(), weight_pixel=1.0)
    expected = {"gan": log(1 + exp(-0.5)), "pixel": 0.25}
    assert losses_of(method, "generator", BATCH, NETWORKS) == pytest.approx(expected)


def test_discriminators_terms_are_halved():
    # (-1 - 1)^2 and (1/2)^2.
    expected = {"real": 0.5 * 4, "fake": 0.5 * 0.25}
    assert losses_of(build(), "discriminator", BATCH, NETWORKS) == pytest.approx(expected)


def test_without_weight_the_gan_is_alone():
    assert set(losses_of(build(weight_pixel=0), "generator", BATCH, NETWORKS)) == {"gan"}


def test_distance_compares_every_channel_with_a_grey_image():
    output = torch.tensor([0.0, 0.5, 1.0])[None, :, None, None].expand(2, 3, 4, 4)
    grey = torch.full((2, 1, 4, 4), 0.5)
    assert pixel_distance(output, grey).item() == pytest.approx((0.5 + 0 + 0.5) / 3)


def test_the_discriminator_sees_earlier_fakes():
    torch.manual_seed(0)
    method = build(pool_size=4)
    seen = []
    networks = Networks(
        {"generator": lambda x: x, "discriminator": lambda y: seen.append(y.detach()) or y.mean((1, 2, 3))}, {}
    )
    for step in range(20):
        image = torch.full((1, 1, 2, 2), float(step))
        losses_of(method, "discriminator", Batch(a=image, b=-image, index=torch.arange(1)), networks)
    fakes = [int(image[0, 0, 0, 0]) for image in seen[1::2]]
    assert any(fake < step for step, fake in enumerate(fakes))
    assert all(fake <= step for step, fake in enumerate(fakes))


def test_penalties_join_the_discriminators_terms():
    method = build(adversarial=AdversarialConfig(weight_r1=2.0))
    layer = torch.nn.Conv2d(1, 1, 1, bias=False)
    torch.nn.init.constant_(layer.weight, 3.0)
    networks = Networks({"generator": lambda x: x, "discriminator": layer}, {"discriminator": layer})
    # The mean of 4 logits 3 y has the gradient 3/4 in each pixel: 1/2 x 4 x 9/16, times 2, and halved.
    assert losses_of(method, "discriminator", BATCH, networks)["r1"] == pytest.approx(0.5 * 2 * 0.5 * 4 * 9 / 16)


def test_players_train_alone():
    batch = Batch(a=torch.randn(2, 1, 16, 16), b=torch.randn(2, 1, 16, 16), index=torch.arange(2))
    method = build()
    assert list(method.players) == ["discriminator", "generator"]
    check_that_players_train_alone(method, batch)


def test_translates_one_way_and_keeps_the_size():
    method = build(Task(channels_a=1, channels_b=3, side=16))
    assert isinstance(method, Translates)
    assert not isinstance(method, TranslatesBack)
    networks = Networks(dict(method.players["generator"].networks), {})
    assert method.translate(networks, torch.zeros(2, 1, 24, 16)).shape == (2, 3, 24, 16)


def test_views_that_cannot_be_compared_are_rejected():
    task = Task(channels_a=2, channels_b=3, side=16)
    with pytest.raises(ConfigError, match=r"method\.weight_pixel = 10\.0: .* these have 2 and 3\. Use 0"):
        build(task)
    build(task, weight_pixel=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight_pixel": -1.0}, r"method\.weight_pixel = -1\.0: use 0"),
        ({"pool_size": -1}, r"method\.pool_size = -1: use 0"),
    ],
)
def test_impossible_values_are_rejected(changes, message):
    with pytest.raises(ConfigError, match=message):
        check_section(PixelGANConfig(**changes), "method")


def test_crops_must_suit_the_networks():
    PixelGANConfig().check(DataConfig(load_size=64, crop_size=64))
    with pytest.raises(ConfigError, match=r"data\.crop_size = 62: must be a multiple of 4"):
        PixelGANConfig().check(DataConfig(load_size=64, crop_size=62))
    with pytest.raises(ConfigError, match=r"data\.crop_size = 16: method\.discriminator\.num_layers = 3"):
        PixelGANConfig().check(DataConfig(load_size=64, crop_size=16))
