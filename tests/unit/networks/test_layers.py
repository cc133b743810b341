"""Norms, and weights divided by their largest singular value."""

from copy import deepcopy

import pytest
import torch

from trainer.config.networks import PatchGANConfig
from trainer.networks.layers import num_groups
from trainer.networks.patchgan import PatchGAN

SPECTRAL = PatchGANConfig(num_filters=4, num_layers=1, norm="none", spectral_norm=True)


@pytest.mark.parametrize(
    ("channels", "groups"), [(512, 32), (64, 32), (32, 16), (24, 8), (4, 2), (3, 1), (2, 1), (1, 1)]
)
def test_groups_divide_the_channels_and_hold_two_at_least(channels: int, groups: int):
    assert num_groups(channels) == groups


def test_spectral_norm_bounds_every_layer():
    torch.manual_seed(0)
    network = PatchGAN(SPECTRAL, in_channels=3)
    for _ in range(20):  # each training call refines the estimate
        network(torch.randn(1, 3, 16, 16))
    largest = [
        torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2).item()  # type: ignore[operator,union-attr]
        for layer in network.layers
        if isinstance(layer, torch.nn.Conv2d)
    ]
    assert largest == pytest.approx([1, 1, 1], rel=0.02)


def test_networks_with_spectral_norm_are_copied_and_restored():
    torch.manual_seed(0)
    network = PatchGAN(SPECTRAL, in_channels=3)
    image = torch.randn(1, 3, 16, 16)
    network(image)
    copy, restored = deepcopy(network), PatchGAN(SPECTRAL, in_channels=3)
    restored.load_state_dict(network.state_dict())
    expected = network(image)
    assert torch.equal(copy(image), expected)
    assert torch.equal(restored(image), expected)


def test_spectral_norm_has_no_parameters_of_its_own():
    plain = PatchGAN(PatchGANConfig(num_filters=4, num_layers=1, norm="none"), in_channels=3)
    assert sum(p.numel() for p in PatchGAN(SPECTRAL, in_channels=3).parameters()) == sum(
        p.numel() for p in plain.parameters()
    )
