"""BiGAN between two views on networks small enough to work out (see `two_way_networks`)."""

import pytest
import torch

from tests.unit.methods.players import check_that_players_train_alone, losses_of
from tests.unit.methods.two_way_networks import NETWORKS, TASK, X, Y, batch_of, thrice
from trainer.config.adversarial import AdversarialConfig
from trainer.config.data import DataConfig
from trainer.config.errors import ConfigError
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.config.section import check_section
from trainer.methods.base import Networks, TranslatesBack
from trainer.methods.bigan_image.config import BiGANImageConfig
from trainer.methods.bigan_image.method import BiGANImage

GENERATOR = GeneratorConfig(architecture="resnet", num_filters=2, num_blocks=1, norm="instance", dropout=0)
DISCRIMINATOR = PatchGANConfig(num_filters=2, num_layers=1, norm="instance")

# D adds the pair's values: (x, G(x)) = (1/2, 1/4) is 3/4, and (F(y), y) = (0, -1/2) is -1/2.
JOINT = Networks({**NETWORKS, "discriminator": lambda pair: pair.sum(dim=1)}, {})


def build(**changes) -> BiGANImage:
    return BiGANImage(BiGANImageConfig(generator=GENERATOR, discriminator=DISCRIMINATOR, **changes), TASK)


def test_terms_of_the_discriminator_are_halved():
    # Least squares: (x, G(x)) is real, (F(y), y) fake.
    assert losses_of(build(), "discriminator", batch_of(X, Y), JOINT) == pytest.approx(
        {"real": 0.5 * (0.75 - 1) ** 2, "fake": 0.5 * 0.5**2}
    )


def test_generators_want_their_pairs_taken_for_the_others():
    assert losses_of(build(), "generators", batch_of(X, Y), JOINT) == pytest.approx(
        {"gan_encoder": 0.75**2, "gan_generator": (-0.5 - 1) ** 2}
    )


def test_the_discriminator_sees_earlier_pairs_of_both_kinds():
    method = build(pool_size=3)
    losses_of(method, "discriminator", batch_of(X, Y), JOINT)
    (inferred,), (generated,) = method.pools["inferred"].images, method.pools["generated"].images
    assert inferred[:, 0, 0].tolist() == [0.5, 0.25]
    assert generated[:, 0, 0].tolist() == [0, -0.5]


def test_penalties_join_the_discriminators_terms():
    layer = thrice()
    judge = torch.nn.Sequential(torch.nn.Flatten(2), torch.nn.Unflatten(1, (1, 2)), torch.nn.Flatten(2))
    network = torch.nn.Sequential(judge, torch.nn.Unflatten(1, (1, 1)), layer)
    method = build(adversarial=AdversarialConfig(weight_r1=2.0))
    networks = Networks({**NETWORKS, "discriminator": network}, {"discriminator": network})
    # The mean of the 8 values of a pair, times 3, has the gradient 3/8 in each: half of 2 x 1/2 x 8 x 9/64.
    losses = losses_of(method, "discriminator", batch_of(X, Y), networks)
    assert losses["r1"] == pytest.approx(0.5 * 2 * 0.5 * 8 * 9 / 64)


def test_players_train_alone():
    method = build()
    assert list(method.players) == ["discriminator", "generators"]
    check_that_players_train_alone(method, batch_of(torch.randn(2, 1, 16, 16), torch.randn(2, 1, 16, 16)))


def test_translates_both_ways():
    method = build()
    assert isinstance(method, TranslatesBack)
    assert torch.equal(method.translate(JOINT, X), X / 2)
    assert torch.equal(method.translate_back(JOINT, Y), Y + 0.5)


def test_impossible_values_are_rejected():
    with pytest.raises(ConfigError, match=r"method\.pool_size = -1: "):
        check_section(BiGANImageConfig(pool_size=-1), "method")
    with pytest.raises(ConfigError, match=r"data\.crop_size = 62: must be a multiple of 4"):
        BiGANImageConfig().check(DataConfig(load_size=64, crop_size=62))
