"""Shapes and parameter counts of the networks of BiGAN/ALI, CoGAN and CAAE, against the papers' layers."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from trainer.config.latent import DecoderConfig, DiscriminatorConfig
from trainer.methods.caae.config import CAAEConfig
from trainer.methods.caae.networks import CAAEEncoder, CAAEGenerator, CodeDiscriminator, LabelledDiscriminator
from trainer.methods.cogan.networks import CoupledDiscriminator, CoupledGenerator
from trainer.networks.joint_discriminator import JointDiscriminator


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_joint_discriminator_has_alis_widths():
    network = JointDiscriminator(DiscriminatorConfig(), in_channels=3, side=64, code_size=256)
    image = 3 * 64 * 16 + 64 + (64 * 128 + 128 * 256 + 256 * 512) * 16 + 2 * (128 + 256 + 512)
    image += 512 * 16 * 512 + 512
    code = 256 * 1024 + 1024 + 1024 * 1024 + 1024
    joint = (512 + 1024) * 2048 + 2048 + 2048 * 2048 + 2048 + 2048 + 1
    assert count(network) == image + code + joint
    assert network(torch.zeros(2, 3, 64, 64), torch.zeros(2, 256)).shape == (2,)


def test_joint_discriminator_sees_image_and_code():
    torch.manual_seed(0)
    network = JointDiscriminator(DiscriminatorConfig(num_filters=4, norm="none"), in_channels=1, side=16, code_size=3)
    image, code = torch.randn(1, 1, 16, 16), torch.randn(1, 3)
    logit = network(image, code)
    assert not torch.equal(network(-image, code), logit)
    assert not torch.equal(network(image, -code), logit)


@pytest.mark.parametrize("num_private", [1, 2, 4])
def test_coupled_generators_share_all_layers_but_the_last(num_private):
    network = CoupledGenerator(DecoderConfig(), code_size=100, side=64, channels=(1, 3), num_private=num_private)
    # From z on: projection, three levels, each with a norm, and the last layer.
    layers = [100 * 16 * 1024 + 2 * 1024]
    layers += [inputs * outputs * 16 + 2 * outputs for inputs, outputs in ((1024, 512), (512, 256), (256, 128))]
    lasts = [128 * channels * 16 + channels for channels in (1, 3)]
    shared, private = layers[: 5 - num_private], layers[5 - num_private :]
    assert count(network) == sum(shared) + 2 * sum(private) + sum(lasts)
    image_a, image_b = network(torch.zeros(2, 100))
    assert image_a.shape == (2, 1, 64, 64) and image_b.shape == (2, 3, 64, 64)
    assert image_a.abs().max() <= 1


@pytest.mark.parametrize("num_private", [1, 2, 4])
def test_coupled_discriminators_share_all_layers_but_the_first(num_private):
    network = CoupledDiscriminator(DiscriminatorConfig(), side=64, channels=(1, 3), num_private=num_private)
    firsts = [64 * channels * 16 + 64 for channels in (1, 3)]
    layers = [inputs * outputs * 16 + 2 * outputs for inputs, outputs in ((64, 128), (128, 256), (256, 512))]
    shared, private = layers[num_private - 1 :], layers[: num_private - 1]
    assert count(network) == sum(shared) + 2 * sum(private) + sum(firsts) + 512 * 16 + 1
    logits = network(torch.zeros(2, 1, 64, 64), torch.zeros(2, 3, 64, 64))
    assert [logit.shape for logit in logits] == [(2,), (2,)]


def test_coupled_discriminator_keeps_the_views_apart():
    torch.manual_seed(0)
    config = DiscriminatorConfig(num_filters=4, norm="none")
    network = CoupledDiscriminator(config, side=16, channels=(1, 1), num_private=1)
    a, b, other = torch.randn(3, 2, 1, 16, 16).unbind()
    logits_a, logits_b = network(a, b)
    assert torch.equal(network(a, other)[0], logits_a)
    assert torch.equal(network(other, b)[1], logits_b)
    assert not torch.equal(network(b, a)[1], logits_a)  # each view has a first layer of its own


SIDE, LABELS = 128, 10  # of the paper; its code of 50 takes each label five times


def test_caaes_encoder_is_the_authors():
    network = CAAEEncoder(CAAEConfig(), in_channels=3, side=SIDE)
    widths = [3, 64, 128, 256, 512, 1024]
    levels = sum(25 * inputs * outputs + outputs for inputs, outputs in pairwise(widths))
    assert count(network) == levels + 16 * 1024 * 50 + 50 == 18_234_034
    code = network(torch.randn(1, 3, SIDE, SIDE) * 50)
    assert code.shape == (1, 50) and code.abs().max() <= 1


def test_caaes_generator_is_the_authors():
    network = CAAEGenerator(CAAEConfig(), num_values=[LABELS], side=SIDE, out_channels=3)
    widths = [1024, 512, 256, 128, 64, 32, 16, 3]
    levels = sum(25 * inputs * outputs + outputs for inputs, outputs in pairwise(widths))
    assert count(network) == levels + (50 + 5 * LABELS) * 16 * 1024 + 16 * 1024 == 19_128_995
    image = network(torch.zeros(1, 50), torch.zeros(1, LABELS))
    assert image.shape == (1, 3, SIDE, SIDE) and image.abs().max() <= 1


def test_caaes_discriminators_are_the_authors():
    config = CAAEConfig()
    codes = CodeDiscriminator(config)
    assert count(codes) == 50 * 64 + 64 * 32 + 32 * 16 + 2 * (64 + 32 + 16) + 17
    assert codes(torch.zeros(4, 50)).shape == (4,)
    images = LabelledDiscriminator(config, in_channels=3, num_values=[LABELS], side=SIDE)
    levels = 25 * (3 * 16 + (16 + LABELS) * 32 + 32 * 64 + 64 * 128) + 2 * (16 + 32 + 64 + 128)
    assert count(images) == levels + 128 * 8 * 8 * 1024 + 1024 + 1024 + 1
    assert images(torch.zeros(2, 3, SIDE, SIDE), torch.zeros(2, LABELS)).shape == (2,)


@pytest.mark.parametrize("num_filters", [8, 64])
def test_caaes_codes_and_images_fill_their_range_from_the_start(num_filters):
    """Whatever the width: there are no norms to make up for weights that are too small."""
    torch.manual_seed(0)
    config = CAAEConfig(num_filters=num_filters)
    code = CAAEEncoder(config, in_channels=3, side=32)(torch.rand(8, 3, 32, 32) * 2 - 1)
    assert 0.2 < code.std() < 0.9
    labels = 2 * torch.eye(LABELS)[:8] - 1
    image = CAAEGenerator(config, num_values=[LABELS], side=32, out_channels=3)(code, labels)
    assert 0.2 < image.std() < 0.9


def test_a_label_reaches_generator_and_discriminator():
    torch.manual_seed(0)
    config = CAAEConfig(num_filters=4, code_size=2, norm="none")
    one, other = torch.tensor([[1.0, -1, -1]]), torch.tensor([[-1.0, -1, 1]])
    generator = CAAEGenerator(config, num_values=[3], side=16, out_channels=1)  # a code shorter than the label
    code, image = torch.rand(1, 2), torch.rand(1, 1, 16, 16)
    assert not torch.equal(generator(code, one), generator(code, other))
    discriminator = LabelledDiscriminator(config, in_channels=1, num_values=[3], side=16)
    assert not torch.equal(discriminator(image, one), discriminator(image, other))


@pytest.mark.parametrize(
    "make",
    [
        CodeDiscriminator,
        lambda config: JointDiscriminator(
            DiscriminatorConfig(num_filters=2, spectral_norm=True), in_channels=1, side=16, code_size=3
        ),
    ],
)
def test_spectral_norm_reaches_every_layer(make):
    network = make(CAAEConfig(num_filters=4, code_size=3, spectral_norm=True))
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert layers and all(hasattr(layer, "parametrizations") for layer in layers)
