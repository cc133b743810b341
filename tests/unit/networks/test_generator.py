"""Generators that learn the difference to their input, and the weights that networks without norms begin with."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from trainer.config.errors import ConfigError
from trainer.config.latent import DecoderConfig, DiscriminatorConfig, EncoderConfig
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.methods.caae.config import CAAEConfig
from trainer.methods.caae.networks import CodeDiscriminator, LabelledDiscriminator
from trainer.methods.discogan.config import FeatureDiscriminatorConfig
from trainer.methods.discogan.discriminator import FeatureDiscriminator
from trainer.methods.vaegan.networks import LikenessDiscriminator
from trainer.networks.conv_decoder import ConvDecoder
from trainer.networks.conv_discriminator import ConvDiscriminator
from trainer.networks.conv_encoder import ConvEncoder
from trainer.networks.generator import build_generator
from trainer.networks.joint_discriminator import JointDiscriminator
from trainer.networks.layers import init_network
from trainer.networks.patchgan import PatchGAN


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
    init_network(network, norm=norm)
    ratio = (network(torch.randn(2, 16, 32, 32)).square().mean().sqrt()).item()
    assert (0.1 < ratio < 10) == kept


SIZES = {"in_channels": 3, "side": 32}
JUDGE = DiscriminatorConfig(num_filters=8, norm="none")
OF_IMAGES: dict[str, Callable[[], nn.Module]] = {
    "PatchGAN": lambda: PatchGAN(PatchGANConfig(num_filters=8, norm="none"), in_channels=3),
    "DCGAN's": lambda: ConvDiscriminator(JUDGE, **SIZES),
    "VAE/GAN's": lambda: LikenessDiscriminator(JUDGE, **SIZES, layer=2),
    "an encoder": lambda: ConvEncoder(EncoderConfig(num_filters=8, norm="none"), **SIZES, out_features=9),
    "DiscoGAN's": lambda: FeatureDiscriminator(
        FeatureDiscriminatorConfig(num_filters=8, num_layers=3, norm="none"), in_channels=3
    ),
}


@pytest.mark.parametrize("name", OF_IMAGES)
def test_every_network_without_norms_keeps_the_size_of_signals(name: str):
    """From N(0, 0.02) they would give less than a thousandth."""
    torch.manual_seed(0)
    out = OF_IMAGES[name]()(torch.randn(8, 3, 32, 32))
    out = out if isinstance(out, torch.Tensor) else out[0]
    assert 0.1 < out.square().mean().sqrt() < 10


def test_so_do_those_that_take_codes_or_labels():
    torch.manual_seed(0)
    image, code = torch.randn(8, 3, 32, 32), torch.randn(8, 5)
    caae = CAAEConfig(num_filters=8, code_size=5, norm="none")
    outs = [
        ConvDecoder(DecoderConfig(num_filters=8, norm="none"), in_features=5, side=32, out_channels=3, bounded=False)(
            code
        ),
        JointDiscriminator(JUDGE, **SIZES, code_size=5)(image, code),
        CodeDiscriminator(caae)(code),
        LabelledDiscriminator(caae, **SIZES, num_values=[4])(image, torch.ones(8, 4)),
    ]
    for out in outs:
        assert 0.1 < out.square().mean().sqrt() < 10


def test_a_transposed_convolution_sums_fewer_values_than_its_kernel_has():
    """4x4 with stride 2: each value of the output meets 2x2 of the kernel, so 4 of 16 weights for each channel."""
    torch.manual_seed(0)
    layer = nn.ConvTranspose2d(32, 64, 4, stride=2, padding=1)
    init_network(layer, norm="none")
    assert layer.weight.std().item() == pytest.approx((2 / (32 * 4)) ** 0.5, rel=0.02)
