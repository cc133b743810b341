"""Generators, encoders and decoders whose weights have a largest singular value of 1, as discriminators can."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from trainer.config.errors import ConfigError
from trainer.config.latent import DecoderConfig, EncoderConfig
from trainer.config.networks import GeneratorConfig
from trainer.config.section import check_section
from trainer.methods.caae.config import CAAEConfig
from trainer.methods.caae.networks import CAAEEncoder, CAAEGenerator
from trainer.networks.conv_decoder import ConvDecoder
from trainer.networks.conv_encoder import ConvEncoder
from trainer.networks.generator import build_generator

CAAE = CAAEConfig(num_filters=4, code_size=3, autoencoder_spectral_norm=True)
IMAGE, CODE, LABEL = torch.randn(2, 3, 16, 16), torch.randn(2, 3), torch.tensor([[1.0, -1.0], [-1.0, 1.0]])


def generator(**changes: object) -> nn.Module:
    config = GeneratorConfig(num_filters=4, num_downs=3, num_blocks=1, spectral_norm=True, **changes)  # type: ignore[arg-type]
    return build_generator(config, in_channels=3, out_channels=3)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[Tensor, ...]]] = {
    "unet": (generator, (IMAGE,)),
    "resnet": (lambda: generator(architecture="resnet"), (IMAGE,)),
    "resnet without norms": (lambda: generator(architecture="resnet", norm="none"), (IMAGE,)),
    "encoder": (
        lambda: ConvEncoder(EncoderConfig(num_filters=4, spectral_norm=True), in_channels=3, side=16, out_features=3),
        (IMAGE,),
    ),
    "decoder": (
        lambda: ConvDecoder(DecoderConfig(num_filters=4, spectral_norm=True), in_features=3, side=16, out_channels=3),
        (CODE,),
    ),
    "caae's encoder": (lambda: CAAEEncoder(CAAE, in_channels=3, side=16), (IMAGE,)),
    "caae's generator": (lambda: CAAEGenerator(CAAE, num_values=[2], side=16, out_channels=3), (CODE, LABEL)),
}


def largest_values(network: nn.Module) -> list[float]:
    """The largest singular value of each weight, seen as a matrix with a row for each channel that it makes."""
    found = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            weight = layer.weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else layer.weight
            found.append(torch.linalg.matrix_norm(weight.flatten(1), ord=2).item())
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_each_weight_keeps_a_largest_singular_value_of_1_while_it_learns(name: str) -> None:
    torch.manual_seed(0)
    make, inputs = NETWORKS[name]
    network = make()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    for _ in range(40):  # each training call refines the estimate
        optimizer.zero_grad()
        (network(*inputs) - 0.5).square().mean().backward()
        optimizer.step()
    values = largest_values(network)
    assert len(values) >= 3
    assert values == pytest.approx([1.0] * len(values), rel=0.05)


def test_without_it_they_have_others() -> None:
    torch.manual_seed(0)
    network = build_generator(GeneratorConfig(num_filters=4, num_downs=3), in_channels=3, out_channels=3)
    assert max(abs(value - 1) for value in largest_values(network)) > 0.5


def test_a_weight_of_zero_cannot_be_divided_by_its_size() -> None:
    with pytest.raises(ConfigError, match=r"spectral_norm = True.*residual = True.*use one of the two"):
        check_section(GeneratorConfig(residual=True, spectral_norm=True))
