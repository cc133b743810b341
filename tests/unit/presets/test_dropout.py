"""A generator whose configuration says dropout has it: in pix2pix and DualGAN it is the only noise there is."""

from pathlib import Path

import pytest
import torch
from torch import nn

from tests.shrink import shrink
from trainer.config.networks import GeneratorConfig
from trainer.networks.generator import build_generator
from trainer.presets import load_preset, preset_names
from trainer.runs.config import RunConfig


def probabilities(config: GeneratorConfig) -> set[float]:
    """Of the dropout that a generator has."""
    with torch.device("meta"):
        network = build_generator(config, in_channels=3, out_channels=3)
    return {layer.p for layer in network.modules() if isinstance(layer, nn.Dropout)}


def generators(config: RunConfig) -> list[GeneratorConfig]:
    return list(config.method._parts(GeneratorConfig).values())


@pytest.mark.parametrize("small", [False, True], ids=["as it is", "as tests have it"])
def test_presets_have_the_dropout_that_they_say(small: bool):
    noisy = set()
    for name in preset_names():
        config = load_preset(name)
        for generator in generators(shrink(config, dataset=Path("unused")) if small else config):
            assert probabilities(generator) == {generator.dropout} - {0}, name
            noisy |= {name} if generator.dropout else set()
    assert {"unpaired-dualgan", "unpaired-pix2pix", "earth-satellite2map"} <= noisy


@pytest.mark.parametrize("architecture", ["unet", "resnet"])
def test_no_depth_is_without_it(architecture: str):
    for depth in range(2, 13):
        sizes = {"num_filters": 1, "num_downs": depth, "num_blocks": depth - 1}
        config = GeneratorConfig(architecture=architecture, dropout=0.25, **sizes)  # type: ignore[arg-type]
        assert probabilities(config) == {0.25}, depth
