"""What a generator gives of its layers is what its section says, and what a plain pass makes there."""

import pytest
import torch
from torch import Tensor

from trainer.config.networks import GeneratorConfig
from trainer.networks.generator import build_generator


@pytest.mark.parametrize("norm", ["instance", "none"])
@pytest.mark.parametrize("architecture", ["unet", "resnet"])
@pytest.mark.parametrize("residual", [False, True])
def test_layers_are_as_the_section_says(architecture, norm, residual: bool):
    """Channels and size of each, and the activations of a plain pass, before anything works on them in place."""
    torch.manual_seed(0)
    config = GeneratorConfig(
        architecture=architecture,
        num_filters=2,
        num_downs=3,
        num_blocks=2,
        norm=norm,
        dropout=0.0,
        residual=residual,
    )
    network = build_generator(config, in_channels=3, out_channels=3)
    image = torch.rand(2, 3, 32, 16)
    seen: dict[str, Tensor] = {"image": image}
    hooks = [
        layer.register_forward_hook(lambda _, __, output, name=name: seen.update({name: output.clone()}))
        for name, layer in network.named_modules()
    ]
    network(image)
    for hook in hooks:
        hook.remove()
    expected = {name.removeprefix("network."): features for name, features in seen.items()}
    layers = config.layers(in_channels=3)
    found = network(image, tuple(layers))
    for (name, layer), features in zip(layers.items(), found, strict=True):
        assert features.shape == (2, layer.channels, 32 // layer.stride, 16 // layer.stride), name
        assert torch.equal(features, expected[name]), name
