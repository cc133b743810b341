"""pix2pixHD's terms on discriminators small enough to work out, and what its scales demand of images."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.unit.methods.players import check_that_players_train_alone, losses_of
from trainer.config.adversarial import AdversarialConfig
from trainer.config.data import DataConfig
from trainer.config.errors import ConfigError
from trainer.config.method import Task
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.config.pretrained import PretrainedConfig
from trainer.data.batch import Batch
from trainer.losses.feature_matching import feature_matching
from trainer.methods.base import Networks
from trainer.methods.pix2pixhd.config import Pix2PixHDConfig
from trainer.methods.pix2pixhd.method import Pix2PixHD
from trainer.methods.shared.feature_distance import FeatureDistance
from trainer.networks.multi_scale import MultiScale

A, B = torch.full((1, 1, 2, 2), 0.5), torch.full((1, 1, 2, 2), -0.5)
BATCH = Batch(a=A, b=B, index=torch.arange(1))
TASK = Task(channels_a=1, channels_b=1, side=32)


def build(distance: FeatureDistance | None = None, **changes) -> Pix2PixHD:
    generator = GeneratorConfig(architecture="resnet", num_filters=2, num_blocks=1, norm="instance", dropout=0.0)
    discriminator = PatchGANConfig(num_filters=2, num_layers=1, norm="instance")
    return Pix2PixHD(
        Pix2PixHDConfig(**{"generator": generator, "discriminator": discriminator, **changes}), TASK, distance=distance
    )


def two_scales(pair: Tensor) -> tuple[tuple[Tensor, ...], ...]:
    """With t = s + x, 0 of the real pair and 0.75 of the fake: features 2 t and 4 t, logit t; feature t, logit 3 t."""
    total = pair.sum(dim=1, keepdim=True)
    return (2 * total, 4 * total, total), (total, 3 * total)


NETWORKS = Networks({"generator": lambda s: s / 2, "discriminator": two_scales}, {})


def test_the_generators_terms():
    # (0.75 - 1)^2 + (2.25 - 1)^2; 10 times the mean over scales of 2 * 0.75 + 4 * 0.75 and 0.75.
    expected = {"gan": 0.0625 + 1.5625, "features": 10 * (4.5 + 0.75) / 2}
    assert losses_of(build(), "generator", BATCH, NETWORKS) == pytest.approx(expected)
    assert set(losses_of(build(weight_features=0), "generator", BATCH, NETWORKS)) == {"gan"}


def test_the_output_is_compared_with_the_target_in_features_of_a_fixed_network(tmp_path: Path):
    # phi(x) = 2 x, G(s) = 0.25, x = -0.5: 10 |0.5 - (-1)|.
    layer = torch.nn.Conv2d(1, 1, 1, bias=False)
    torch.nn.init.constant_(layer.weight, 2.0)
    method = build(distance=FeatureDistance(layer), weight_perceptual=10.0)
    losses = losses_of(method, "generator", BATCH, NETWORKS)
    assert list(losses) == ["gan", "features", "perceptual"]
    assert losses["perceptual"] == pytest.approx(15)
    nowhere = PretrainedConfig(weights=tmp_path / "none.pth", side=0)
    build(pretrained=nowhere)  # without weight nothing is loaded
    with pytest.raises(ConfigError, match="there is no such file"):
        build(pretrained=nowhere, weight_perceptual=10.0)
    config = replace(method.config, pretrained=nowhere, num_scales=1)
    with pytest.raises(ConfigError, match=r"pretrained\.side = 0: crops are below 32 pixels"):
        config.check(DataConfig(crop_size=16))
    with pytest.raises(ConfigError, match=r"data\.view_b = '5 channels'.*grey or RGB"):
        config.check_shapes(Task(channels_a=5, channels_b=5, side=32))


def test_the_discriminators_terms_are_sums_over_scales_and_halved():
    expected = {"real": 0.5 * (1 + 1), "fake": 0.5 * (0.75**2 + 2.25**2)}
    assert losses_of(build(), "discriminator", BATCH, NETWORKS) == pytest.approx(expected)


def test_r1_is_of_each_scale():
    linear = torch.nn.Conv2d(2, 1, 1, bias=False)
    torch.nn.init.constant_(linear.weight, 3.0)

    class Judge(torch.nn.Module):
        def forward(self, pair: Tensor) -> tuple[tuple[Tensor, ...], ...]:
            return (linear(pair),), (2 * linear(pair),)

    networks = Networks({**NETWORKS, "discriminator": Judge()}, {"discriminator": Judge()})
    method = build(adversarial=AdversarialConfig(objective="least-squares", weight_r1=8))
    # By each of 4 pixels of x 3/4 and 6/4: squares sum to 9/4 and 9; halved, weighted, halved with all of D's loss.
    assert losses_of(method, "discriminator", BATCH, networks)["r1"] == pytest.approx(0.5 * 8 * 0.5 * (9 / 4 + 9))


def test_matching_is_a_mean_within_a_layer():
    real = [[torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 1, 1)]]
    fake = [[torch.tensor([[[[1.0, -1.0], [0.0, 4.0]]]]), torch.full((1, 1, 1, 1), -2.0)]]
    assert feature_matching(real=real, fake=fake).item() == pytest.approx(6 / 4 + 2)


def test_players_train_alone():
    torch.manual_seed(0)
    image = torch.rand(2, 1, 32, 32) * 2 - 1
    check_that_players_train_alone(build(), Batch(a=image, b=-image, index=torch.arange(2)))


def test_each_scale_sees_half_of_the_last():
    torch.manual_seed(0)
    network = MultiScale(PatchGANConfig(num_filters=2, num_layers=1), in_channels=1, num_scales=3)
    seen: list[Tensor] = []
    for scale in network.scales:
        scale.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    image = torch.rand(1, 1, 26, 32)
    judged = network(image)
    assert [tuple(one.shape[2:]) for one in seen] == [(26, 32), (13, 16), (7, 8)]
    # A mean of the 3x3 pixels around every second one; at the corner of the four that there are.
    assert seen[1][0, 0, 0, 0].item() == pytest.approx(image[0, 0, :2, :2].mean().item())
    assert seen[1][0, 0, 2, 3].item() == pytest.approx(image[0, 0, 3:6, 5:8].mean().item())
    for scale, pixels, (*features, logits) in zip(network.scales, list(seen), judged, strict=True):
        assert torch.equal(logits, scale(pixels))
        assert len(features) == 2


def test_three_scales_have_three_times_the_papers_discriminator():
    network = MultiScale(PatchGANConfig(), in_channels=6, num_scales=3)
    assert sum(parameter.numel() for parameter in network.parameters()) == 3 * 2_768_705  # see test_parameter_counts


def test_images_too_small_for_the_last_scale_are_refused():
    method = Pix2PixHDConfig(generator=GeneratorConfig(architecture="resnet", dropout=0.0))
    method.check(DataConfig(load_size=96, crop_size=96))
    with pytest.raises(ConfigError, match=r"method\.num_scales = 3: crops of 92 pixels have 23 .* needs 24; use 2 or"):
        method.check(DataConfig(load_size=92, crop_size=92))
