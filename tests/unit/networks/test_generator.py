"""Generators that learn the difference to their input, and the weights that networks without norms begin with."""

import pytest
import torch
from torch import nn

from trainer.config.errors import ConfigError
from trainer.config.networks import GeneratorConfig
from trainer.networks.generator import build_generator
from trainer.networks.layers import init_generator


def build(*, channels: tuple[int, int] = (3, 3), **changes) -> nn.Module:
    config = GeneratorConfig(**{"num_filters": 4, "num_blocks": 2, "num_downs": 3, "norm": "none"} | changes)
    return build_generator(config, in_channels=channels[0], out_channels=channels[1])


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("architecture", ["unet", "resnet"])
def test_a_residual_costs_no_parameters_and_begins_with_the_input(architecture: str):
    network = build(architecture=architecture, residual=True)
    assert count(network) == count(build(architecture=architecture))
    image = torch.rand(2, 3, 16, 24) * 2 - 1
    assert torch.equal(network(image), image)


@pytest.mark.parametrize("architecture", ["unet", "resnet"])
def test_every_weight_learns_once_those_that_are_zero_have_moved(architecture: str):
    """Zeros in the last layer, and in that of each block, hold back the others' gradients for a step, not for good."""
    torch.manual_seed(0)
    network = build(architecture=architecture, residual=True)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    image, target = torch.rand(2, 3, 16, 16) - 0.5, torch.rand(2, 3, 16, 16) - 0.5
    before = [parameter.detach().clone() for parameter in network.parameters()]
    for _ in range(3):
        optimizer.zero_grad()
        (network(image) - target).abs().mean().backward()
        optimizer.step()
    assert all(not torch.equal(old, new) for old, new in zip(before, network.parameters(), strict=True))


def test_the_difference_is_added_and_the_sum_cut():
    network = build(architecture="resnet", residual=True)
    *_, last = (layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
    assert last.bias is not None
    nn.init.constant_(last.bias, 0.5)
    out = network(torch.tensor([-1.0, 0.0, 0.9]).view(1, 3, 1, 1).expand(1, 3, 8, 8))
    difference = torch.tensor(0.5).tanh().item()
    assert out[0, :, 4, 4].tolist() == pytest.approx([difference - 1, difference, 1.0])


def test_views_of_other_channels_cannot_be_added():
    assert build(channels=(1, 3))(torch.zeros(1, 1, 8, 8)).shape == (1, 3, 8, 8)
    with pytest.raises(ConfigError, match=r"^residual = True: one view has 1 channels"):
        build(channels=(1, 3), residual=True)


@pytest.mark.parametrize(("norm", "kept"), [("none", True), ("instance", False)])
def test_weights_without_norms_keep_the_size_of_signals(norm, kept: bool):
    """Through ten layers of ReLU: N(0, 0.02) at 9 x 16 inputs leaves a sixth of the signal at each."""
    torch.manual_seed(0)
    layers = [layer for _ in range(10) for layer in (nn.Conv2d(16, 16, 3, padding=1), nn.ReLU())]
    network = nn.Sequential(*layers)
    init_generator(network, norm=norm)
    ratio = (network(torch.randn(2, 16, 32, 32)).square().mean().sqrt()).item()
    assert (0.1 < ratio < 10) == kept


def test_a_transposed_convolution_sums_fewer_values_than_its_kernel_has():
    """4x4 with stride 2: each value of the output meets 2x2 of the kernel, so 4 of 16 weights for each channel."""
    torch.manual_seed(0)
    layer = nn.ConvTranspose2d(32, 64, 4, stride=2, padding=1)
    init_generator(layer, norm="none")
    assert layer.weight.std().item() == pytest.approx((2 / (32 * 4)) ** 0.5, rel=0.02)
