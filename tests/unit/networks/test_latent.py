"""Networks between images and codes, against Figure 1 of Radford et al. 2016 and the condition of Mirza & Osindero."""

import pytest
import torch
from torch import nn

from trainer.config.data import DataConfig
from trainer.config.errors import ConfigError
from trainer.config.latent import DecoderConfig, DiscriminatorConfig, EncoderConfig, check_side, num_levels
from trainer.networks.conv_decoder import ConvDecoder
from trainer.networks.conv_discriminator import ConvDiscriminator
from trainer.networks.conv_encoder import ConvEncoder


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(("side", "levels"), [(16, 2), (32, 3), (64, 4), (128, 5)])
def test_levels_halve_down_to_four_pixels(side: int, levels: int):
    assert num_levels(side) == levels


@pytest.mark.parametrize("side", [20, 48, 96])
def test_a_side_that_cannot_be_halved_to_four_is_refused(side: int):
    with pytest.raises(ConfigError, match=rf"data\.crop_size = {side}: must be a power of two from 16 on"):
        check_side(DataConfig(crop_size=side))


def test_the_generator_of_figure_1():
    # 100 z -> 4x4x1024, then transposed 4x4 kernels 1024-512-256-128-3; a bias only in the last, where no norm follows.
    projection = 100 * 4 * 4 * 1024
    kernels = 16 * (1024 * 512 + 512 * 256 + 256 * 128 + 128 * 3)
    norms = 2 * (1024 + 512 + 256 + 128)
    assert projection + kernels + norms + 3 == 12_658_435
    assert count(ConvDecoder(DecoderConfig(), in_features=100, side=64, out_channels=3)) == 12_658_435


def test_the_discriminator_has_64_to_512_channels_and_one_logit():
    # Biases in the first convolution and the last layer alone.
    kernels = 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512 * 1)
    biases, norms = 64 + 1, 2 * (128 + 256 + 512)
    assert kernels + biases + norms == 2_765_633
    assert count(ConvDiscriminator(DiscriminatorConfig(), in_channels=3, side=64)) == 2_765_633


def test_the_encoder_is_the_discriminator_with_a_code_for_its_logit():
    discriminator = ConvDiscriminator(DiscriminatorConfig(), in_channels=3, side=64)
    encoder = ConvEncoder(EncoderConfig(), in_channels=3, side=64, out_features=128)
    assert count(encoder) - count(discriminator) == (512 * 16 + 1) * 127


def test_ten_conditions_join_the_64_features_of_the_first_convolution():
    plain, conditional = (
        ConvDiscriminator(DiscriminatorConfig(), in_channels=1, side=32, num_conditions=number) for number in (0, 10)
    )
    assert count(conditional) - count(plain) == 16 * 10 * 128


def test_the_condition_is_replicated_over_space():
    """With one-hot 1 the second level sees ones in that channel everywhere; the first level does not see it."""
    network = ConvDiscriminator(DiscriminatorConfig(num_filters=2), in_channels=1, side=16, num_conditions=3)
    seen = []
    network.levels[1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    condition = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    network(torch.randn(2, 1, 16, 16), condition)
    assert seen[0].shape == (2, 2 + 3, 8, 8)
    assert torch.equal(seen[0][:, 2:], condition[:, :, None, None].expand(2, 3, 8, 8))


@pytest.mark.parametrize("norm", ["batch", "instance", "group", "none"])
@pytest.mark.parametrize("side", [16, 64])
def test_shapes_and_ranges(side: int, norm):
    code = ConvEncoder(EncoderConfig(num_filters=4, norm=norm), in_channels=3, side=side, out_features=7)(
        torch.randn(2, 3, side, side)
    )
    assert code.shape == (2, 7)
    image = ConvDecoder(DecoderConfig(num_filters=4, norm=norm), in_features=7, side=side, out_channels=1)(100 * code)
    assert image.shape == (2, 1, side, side)
    assert image.abs().max() <= 1
    config = DiscriminatorConfig(num_filters=4, norm=norm)
    assert ConvDiscriminator(config, in_channels=1, side=side)(image).shape == (2,)


def test_the_decoder_can_give_logits():
    torch.manual_seed(0)
    bounded, logits = (
        ConvDecoder(DecoderConfig(num_filters=2), in_features=3, side=16, out_channels=1, bounded=bounded)
        for bounded in (True, False)
    )
    logits.load_state_dict(bounded.state_dict())
    code = torch.randn(2, 3)
    torch.testing.assert_close(bounded.eval()(code), torch.tanh(logits.eval()(code)))


def test_spectral_norm_bounds_every_weight_of_the_discriminator():
    torch.manual_seed(0)
    config = DiscriminatorConfig(num_filters=4, norm="none", spectral_norm=True)
    network = ConvDiscriminator(config, in_channels=1, side=16)
    for _ in range(50):  # each call in training improves the estimate of the singular value
        network(torch.randn(1, 1, 16, 16))
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert len(layers) == 3
    for layer in layers:
        largest = torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2)
        assert largest.item() == pytest.approx(1, rel=0.02)
