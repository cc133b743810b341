"""The networks of DiscoGAN against its authors' code."""

import torch

from trainer.methods.discogan.config import DiscoGANConfig, FeatureDiscriminatorConfig
from trainer.methods.discogan.discriminator import FeatureDiscriminator
from trainer.networks.generator import build_generator


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_one_logit_for_64_pixels_and_features_of_all_layers_but_the_first():
    network = FeatureDiscriminator(FeatureDiscriminatorConfig(num_filters=2), in_channels=3)
    logits, *features = network(torch.randn(2, 3, 64, 64))
    assert logits.shape == (2, 1, 1, 1)
    assert [tuple(feature.shape[1:]) for feature in features] == [(4, 16, 16), (8, 8, 8), (16, 4, 4)]


def test_the_discriminator_has_the_authors_layers():
    # C64-C128-C256-C512 on 3 channels, then one logit: 4x4 kernels, norms on all but the first.
    authors = 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512) + 2 * (128 + 256 + 512)
    assert authors == 2_765_568
    # Theirs has no biases at all; here the first and the last layer, which no norm follows, have them.
    assert count(FeatureDiscriminator(FeatureDiscriminatorConfig(), in_channels=3)) == authors + 64 + 1


def test_the_generator_has_the_authors_layers():
    # Down to 512 channels at a 16th of the size, and back up.
    authors = 2 * 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512) + 2 * (128 + 256 + 512 + 256 + 128 + 64)
    assert authors == 5_513_856
    # Theirs has a norm at the bottleneck and no biases; here the first, that at the bottleneck, and the last have them.
    ours = authors - 2 * 512 + 64 + 512 + 3
    assert count(build_generator(DiscoGANConfig().generator, in_channels=3, out_channels=3)) == ours
