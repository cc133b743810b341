"""pix2pix' perceptual term: on features small enough to work out, and on those of the embedded MobileNetV2."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.unit.methods.players import own_networks
from tests.unit.methods.test_pix2pix import TASK, A, B, losses_of
from trainer.config.data import DataConfig
from trainer.config.errors import ConfigError
from trainer.config.method import Task
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.config.pretrained import PretrainedConfig
from trainer.config.section import check_section
from trainer.data.batch import Batch
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.methods.pix2pix.method import Pix2Pix
from trainer.methods.registry import build_method
from trainer.methods.shared.feature_distance import FeatureDistance

CONFIG = Pix2PixConfig(
    generator=GeneratorConfig(num_filters=1, num_downs=2),
    discriminator=PatchGANConfig(num_filters=1, num_layers=1),
    pretrained=PretrainedConfig(network="mobilenet_v2", layer="features.3", side=0),
    weight_feature=10.0,
)
BATCH = Batch(a=A, b=B, index=torch.arange(1))


def doubling() -> FeatureDistance:
    layer = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(layer.weight, 2.0)
    return FeatureDistance(layer)


def test_the_output_is_compared_with_the_target_in_features() -> None:
    # phi(x) = 2 x, G(x) = x / 2 = 0.25, y = -0.5: 10 |0.5 - (-1)|.
    losses = losses_of(Pix2Pix(CONFIG, TASK, distance=doubling()), "generator", BATCH)
    assert losses["feature"] == pytest.approx(15)
    assert list(losses) == ["gan", "l1", "feature"]


def test_the_network_that_is_asked_for_is_the_one_that_compares() -> None:
    torch.manual_seed(0)
    method = build_method(CONFIG, replace(TASK, channels_a=3, channels_b=3))
    assert isinstance(method, Pix2Pix)
    assert method.distance is not None
    a, b = torch.rand(2, 1, 3, 32, 32) * 2 - 1
    term = method.losses("generator", own_networks(method), Batch(a=a, b=b, index=torch.arange(1)), {"fake_b": a})
    assert term["feature"].item() == pytest.approx(10 * method.distance(a, b).item())
    assert term["feature"].item() > 0
    assert {name for player in method.players.values() for name in player.networks} == {"generator", "discriminator"}


def test_without_weight_nothing_is_loaded(tmp_path: Path) -> None:
    nowhere = PretrainedConfig(weights=tmp_path / "none.pth")
    method = Pix2Pix(replace(CONFIG, weight_feature=0.0, pretrained=nowhere), TASK)
    assert "feature" not in losses_of(method, "generator", BATCH)
    with pytest.raises(ConfigError, match="there is no such file"):
        Pix2Pix(replace(CONFIG, pretrained=nowhere), TASK)


def test_it_can_be_the_only_loss() -> None:
    check_section(replace(CONFIG, weight_gan=0.0, weight_l1=0.0))
    with pytest.raises(ConfigError, match="one weight must be above 0"):
        check_section(replace(CONFIG, weight_gan=0.0, weight_l1=0.0, weight_feature=0.0))


def test_images_that_the_network_does_not_see_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"pretrained\.side = 0: crops are below 32 pixels"):
        CONFIG.check(DataConfig(crop_size=16))
    five = Task(channels_a=5, channels_b=5, side=32)
    with pytest.raises(ConfigError, match=r"data\.view_b = '5 channels'.*grey or RGB"):
        CONFIG.check_shapes(five)
    CONFIG.check_shapes(replace(five, channels_b=3))  # the input does not matter
    replace(CONFIG, weight_feature=0.0).check_shapes(five)
