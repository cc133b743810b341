"""Halving and doubling: kernels written out, sizes of all that have the setting, and the grid that it takes away."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config.latent import DecoderConfig, DiscriminatorConfig, EncoderConfig
from trainer.config.networks import GeneratorConfig, Upsampling
from trainer.methods.caae.config import CAAEConfig
from trainer.methods.caae.networks import CAAEGenerator
from trainer.networks.conv_decoder import ConvDecoder
from trainer.networks.conv_discriminator import ConvDiscriminator
from trainer.networks.conv_encoder import ConvEncoder
from trainer.networks.generator import build_generator
from trainer.networks.scaling import BlurPool, doubling


def of_side(kernel: list[float]) -> Tensor:
    row = torch.tensor(kernel)
    return (row[:, None] * row).expand(3, 1, -1, -1)


def test_pixels_are_smoothed_by_1_2_1_before_every_second_is_kept() -> None:
    image = torch.randn(2, 3, 8, 12)
    padded = F.pad(image, (1, 1, 1, 1), mode="reflect")
    expected = F.conv2d(padded, of_side([0.25, 0.5, 0.25]), stride=2, groups=3)
    torch.testing.assert_close(BlurPool()(image), expected)


def test_bilinear_is_the_1_3_3_1_of_the_authors_code() -> None:
    """With edges replicated, whose own two pixels and the kernel's margin of one are cut off."""
    image = torch.randn(2, 3, 4, 6)
    enlarge = next(doubling(3, 3, 3, how="bilinear", bias=False).children())
    padded = F.pad(image, (1, 1, 1, 1), mode="replicate")
    expected = F.conv_transpose2d(padded, of_side([0.25, 0.75, 0.75, 0.25]), stride=2, groups=3)
    torch.testing.assert_close(enlarge(image), expected[:, :, 3:-3, 3:-3])


@pytest.mark.parametrize("norm", ["instance", "none"])
@pytest.mark.parametrize("architecture", ["unet", "resnet"])
def test_layers_of_a_blurred_generator_are_as_its_section_says(architecture, norm) -> None:
    config = GeneratorConfig(
        architecture=architecture,
        num_filters=2,
        num_downs=3,
        num_blocks=1,
        norm=norm,
        downsampling="blurred",
        upsampling="nearest",
    )
    network = build_generator(config, in_channels=3, out_channels=1)
    image = torch.randn(2, 3, 32, 16)
    assert network(image).shape == (2, 1, 32, 16)
    layers = config.layers(in_channels=3)
    for (name, layer), features in zip(layers.items(), network(image, tuple(layers)), strict=True):
        assert features.shape == (2, layer.channels, 32 // layer.stride, 16 // layer.stride), name


@pytest.mark.parametrize("how", ["transposed", "nearest", "bilinear"])
@pytest.mark.parametrize("kernel", [3, 4, 5])
def test_only_a_transposed_convolution_makes_a_grid_of_flat_features(kernel: int, how: Upsampling) -> None:
    torch.manual_seed(0)
    out = doubling(3, 3, kernel, how=how, bias=True)(torch.ones(1, 3, 8, 8))
    assert out.shape == (1, 3, 16, 16)
    spread = out[:, :, 4:-4, 4:-4].flatten(2).std(dim=2).max().item()  # away from the edges, padded with zeros
    assert (spread > 0.01) == (how == "transposed")
    assert spread > 0.01 or spread < 1e-6


NETWORKS: dict[str, Callable[[Upsampling], nn.Module]] = {
    "unet": lambda how: build_generator(
        GeneratorConfig(num_filters=2, num_downs=2, upsampling=how), in_channels=3, out_channels=3
    ),
    "resnet": lambda how: build_generator(
        GeneratorConfig(architecture="resnet", num_filters=2, num_blocks=1, upsampling=how),
        in_channels=3,
        out_channels=3,
    ),
    "decoder": lambda how: ConvDecoder(
        DecoderConfig(num_filters=2, upsampling=how), in_features=3, side=16, out_channels=3
    ),
    "caae": lambda how: CAAEGenerator(
        CAAEConfig(num_filters=4, code_size=3, upsampling=how), num_values=[2], side=16, out_channels=3
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_that_makes_images_can_do_without(name: str) -> None:
    def strides(how: Upsampling) -> set[tuple[int, ...]]:
        layers = (layer for layer in NETWORKS[name](how).modules() if isinstance(layer, nn.ConvTranspose2d))
        return {layer.stride for layer in layers}

    assert (2, 2) in strides("transposed")
    assert (2, 2) not in strides("nearest")
    assert (2, 2) not in strides("bilinear")


def test_kernels_of_5_keep_all_sizes() -> None:
    image = torch.randn(2, 3, 32, 32)
    encoder, judge = EncoderConfig(num_filters=4, kernel_size=5), DiscriminatorConfig(num_filters=4, kernel_size=5)
    assert ConvEncoder(encoder, in_channels=3, side=32, out_features=7)(image).shape == (2, 7)
    assert ConvDiscriminator(judge, in_channels=3, side=32)(image).shape == (2,)
    for how in ("transposed", "nearest"):
        decoder = DecoderConfig(num_filters=4, kernel_size=5, upsampling=how)
        network = ConvDecoder(decoder, in_features=7, side=32, out_channels=3)
        assert network(torch.randn(2, 7)).shape == image.shape
        kernels = {
            layer.kernel_size for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
        }
        assert kernels == {(5, 5)}
