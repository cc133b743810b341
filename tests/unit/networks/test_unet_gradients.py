"""Gradients of a U-Net whose features are channels_last: without gaps where they reach a norm, and the same."""

import pytest
import torch
from torch import Tensor, nn

from trainer.config.networks import GeneratorConfig
from trainer.networks import unet
from trainer.networks.generator import build_generator


def gradients_at_norms(network: nn.Module, image: Tensor) -> list[Tensor]:
    """Of each batch norm's result in the decoder, in the order of the backward pass; then those of all weights."""
    found: list[Tensor] = []
    hooks = [
        layer.register_full_backward_hook(lambda module, into, out: found.append(out[0]))
        for level in network.get_submodule("decoder")
        for layer in level
        if isinstance(layer, nn.BatchNorm2d)
    ]
    network(image).square().sum().backward()
    for hook in hooks:
        hook.remove()
    return found + [weight.grad for weight in network.parameters() if weight.grad is not None]


def channels_last_network() -> nn.Module:
    torch.manual_seed(0)
    config = GeneratorConfig(num_filters=4, num_downs=4, norm="batch", dropout=0.0)
    network = build_generator(config, in_channels=3, out_channels=3)
    return network.double().to(memory_format=torch.channels_last)


def test_gradients_reach_norms_without_gaps_and_are_what_they_were(monkeypatch: pytest.MonkeyPatch):
    image = torch.randn(2, 3, 32, 32).double().contiguous(memory_format=torch.channels_last)
    found = gradients_at_norms(channels_last_network(), image)
    assert all(one.is_contiguous(memory_format=torch.channels_last) for one in found[:3])
    monkeypatch.setattr(unet, "_with_whole_gradient", lambda features: features)
    plain = gradients_at_norms(channels_last_network(), image)
    assert not all(one.is_contiguous(memory_format=torch.channels_last) for one in plain[:3])
    for one, other in zip(found, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)
