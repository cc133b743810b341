"""The residual generator."""

import pytest
import torch
from torch import nn

from trainer.config.networks import GeneratorConfig
from trainer.networks.resnet import ResidualBlock, ResNet


def tiny(**changes) -> GeneratorConfig:
    return GeneratorConfig(
        **{"architecture": "resnet", "num_filters": 4, "num_blocks": 2, "norm": "instance"} | changes
    )


@pytest.mark.parametrize("norm", ["batch", "instance", "group", "none"])
def test_it_keeps_size_and_range(norm):
    out = ResNet(tiny(norm=norm), in_channels=1, out_channels=3)(torch.randn(2, 1, 36, 16))
    assert out.shape == (2, 3, 36, 16)
    assert out.abs().max() <= 1


@pytest.mark.parametrize("num_halvings", [0, 1, 3])
def test_halvings_are_undone(num_halvings: int):
    config = tiny(num_halvings=num_halvings)
    network = ResNet(config, in_channels=1, out_channels=3)
    side = max(4, 2 * config.stride)
    assert network.encoder(torch.zeros(1, 1, side, side)).shape == (
        1,
        4 * config.stride,
        side // config.stride,
        side // config.stride,
    )
    assert network(torch.zeros(1, 1, side, side + config.stride)).shape == (1, 3, side, side + config.stride)


def test_a_block_adds_to_its_input():
    block = ResidualBlock(tiny(norm="none"), channels=3)
    nn.init.zeros_(block.layers[-2].weight)  # type: ignore[arg-type]
    nn.init.zeros_(block.layers[-2].bias)  # type: ignore[arg-type]
    features = torch.randn(1, 3, 8, 8)
    assert torch.equal(block(features), features)


@pytest.mark.parametrize("norm", ["none", "instance"])
def test_blocks_without_norms_begin_as_nothing(norm):
    network = ResNet(tiny(norm=norm, dropout=0), in_channels=1, out_channels=1)
    features = torch.randn(1, 16, 8, 8)
    assert torch.equal(network.blocks(features), features) == (norm == "none")


def test_edges_are_reflected():
    """A flat image stays flat under convolutions that keep the size; padded with zeros it would darken at its edge."""
    block = ResidualBlock(tiny(norm="none", dropout=0), channels=3)
    out = block(torch.ones(1, 3, 8, 8))
    assert out.flatten(2).std(dim=2).max() < 1e-5


def test_blocks_have_dropout_where_it_is_asked_for():
    def dropouts(probability: float) -> list[float]:
        network = ResNet(tiny(dropout=probability), in_channels=1, out_channels=1)
        return [layer.p for layer in network.modules() if isinstance(layer, nn.Dropout)]

    assert dropouts(0.5) == [0.5, 0.5]
    assert dropouts(0) == []
