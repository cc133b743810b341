"""DiscoGAN's objective on networks small enough to work out."""

from dataclasses import replace
from math import exp, log

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.unit.methods.two_way_networks import (
    NETWORKS,
    TASK,
    X,
    Y,
    batch_of,
    check_that_players_train_alone,
    losses_of,
    own_networks,
    values,
)
from trainer.config.data import DataConfig
from trainer.config.errors import ConfigError
from trainer.config.networks import GeneratorConfig
from trainer.methods.base import Networks, TranslatesBack
from trainer.methods.discogan.config import DiscoGANConfig, FeatureDiscriminatorConfig
from trainer.methods.discogan.method import DiscoGAN, feature_distance
from trainer.methods.shared.two_way import GENERATORS

GENERATOR = GeneratorConfig(num_filters=2, num_downs=3, skips="none", dropout=0)
DISCRIMINATOR = FeatureDiscriminatorConfig(num_filters=2, num_layers=2)


def build(**changes) -> DiscoGAN:
    return DiscoGAN(DiscoGANConfig(generator=GENERATOR, discriminator=DISCRIMINATOR, **changes), TASK)


def with_features() -> Networks:
    """Discriminators that show the image, and twice the image, as features."""

    def shown(name: str, image: Tensor) -> tuple[Tensor, ...]:
        return NETWORKS[name](image), image, 2 * image

    judges = {
        "discriminator_a": lambda image: shown("discriminator_a", image),
        "discriminator_b": lambda image: shown("discriminator_b", image),
    }
    return Networks({**NETWORKS, **judges}, {name: NETWORKS.module(name) for name in GENERATORS})


def test_generators_terms_are_halves_of_the_papers_sum():
    assert losses_of(build(), "generators", networks=with_features()) == pytest.approx(
        {
            # L_GAN_A: -log D_a(F(y)) with the logit 2; L_GAN_B: -log D_b(G(x)) with the logit 1/2.
            "gan_a": 0.5 * log(1 + exp(-2)),
            "gan_b": 0.5 * log(1 + exp(-0.5)),
            # L_CONST: (F(G(x)) - x)^2 and (G(F(y)) - y)^2, of pixels in [0, 1]: differences of 1/8 and 1/4.
            "const_a": 0.5 * 0.125**2,
            "const_b": 0.5 * 0.25**2,
        }
    )


def test_discriminators_terms():
    assert losses_of(build(), "discriminators", networks=with_features()) == pytest.approx(
        {
            "real_a": log(1 + exp(-2.5)),
            "fake_a": log(1 + exp(2)),
            "real_b": log(1 + exp(1)),
            "fake_b": log(1 + exp(0.5)),
        }
    )


def test_feature_matching_takes_its_share_of_the_adversarial_loss():
    losses = losses_of(build(feature_share=0.9), "generators", networks=with_features())
    assert losses["gan_a"] == pytest.approx(0.5 * 0.1 * log(1 + exp(-2)))
    # x = 1/2 and F(y) = 0 differ by 1/2, and by 1 in the second layer; y = -1/2 and G(x) = 1/4 by 3/4 and 3/2.
    assert losses["features_a"] == pytest.approx(0.5 * 0.9 * (0.5**2 + 1**2))
    assert losses["features_b"] == pytest.approx(0.5 * 0.9 * (0.75**2 + 1.5**2))


def test_features_are_matched_in_their_means_over_the_batch():
    real, fake = torch.tensor([[1.0, 0.0], [3.0, 0.0]]), torch.tensor([[2.0, 1.0], [2.0, 2.0]])
    # Means (2, 0) and (2, 1.5).
    mean = NETWORKS.batch_mean
    assert feature_distance([mean(real)], [mean(fake)]).item() == pytest.approx(1.5**2 / 2)


def test_features_are_matched_in_their_means_over_all_ranks():
    """Where all others have features of twice the size, means over two ranks are 3/2 of the own."""
    seen = with_features()
    modules = {name: seen.module(name) for name in GENERATORS}
    networks = Networks(dict(seen), modules, mean_over_ranks=lambda own: (own + 2 * own) / 2)
    alone, together = (losses_of(build(feature_share=0.9), "generators", networks=each) for each in (seen, networks))
    assert together["features_a"] == pytest.approx(1.5**2 * alone["features_a"])
    assert together["gan_a"] == alone["gan_a"]


def test_the_curriculum_ends_at_its_image():
    method = build(curriculum_kimg=0.064, feature_share=0.25)
    early, late = (losses_of(method, "generators", networks=with_features(), position=at) for at in (63, 64))
    assert early["const_b"] == pytest.approx(0.01 * 0.25**2)
    assert early["gan_b"] == pytest.approx(0.99 * 0.75 * log(1 + exp(-0.5)))
    assert late["const_b"] == pytest.approx(0.5 * 0.25**2)
    assert late["gan_b"] == pytest.approx(0.5 * 0.75 * log(1 + exp(-0.5)))


def test_the_curriculum_ends_for_all_batches_of_a_step_at_once():
    """Of a step at 60 of 64 images, the second rank's batch begins at 64."""
    method, networks = build(curriculum_kimg=0.064), with_features()
    first, second = (replace(batch_of(X, Y, position=at), step_start=60) for at in (60, 64))
    ours, theirs = (
        values(method.losses("generators", networks, each, method.forward(networks, each))) for each in (first, second)
    )
    assert ours == theirs
    assert ours["const_b"] == pytest.approx(0.01 * 0.25**2)


def test_running_statistics_are_those_of_inputs():
    """Fakes on the way back are normalised by their own, and leave no trace in what is used at test time."""
    torch.manual_seed(0)
    method = build()
    networks = own_networks(method)
    batch = batch_of(torch.randn(4, 1, 16, 16), torch.randn(4, 1, 16, 16) + 3)
    fakes = method.forward(networks, batch)
    generators = method.players["generators"].networks
    before = {name: value.clone() for name, value in generators.named_buffers() if "running" in name}
    assert before and all(value.abs().max() > 0 for value in before.values())
    losses = method.losses("generators", networks, batch, fakes)
    after = dict(generators.named_buffers())
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert losses["const_a"].item() == pytest.approx(
        F.mse_loss(generators["generator_b2a"](fakes["fake_b"]), batch.a).item() / 8
    )
    assert any(not torch.equal(after[name], value) for name, value in before.items()), "that call moves them"


@pytest.mark.parametrize(
    ("changes", "terms"),
    [
        ({"const_share": 1}, {"const_a", "const_b"}),
        ({"const_share": 0}, {"gan_a", "gan_b"}),
        ({"const_share": 0, "feature_share": 1}, {"features_a", "features_b"}),
    ],
)
def test_a_term_without_a_share_is_left_out(changes: dict, terms: set):
    assert set(losses_of(build(**changes), "generators", networks=with_features())) == terms


def test_players_train_alone_and_in_order():
    method = build(feature_share=0.5)
    assert list(method.players) == ["discriminators", "generators"]
    check_that_players_train_alone(method, side=16)


def test_both_translations_and_the_picture():
    method = build()
    assert isinstance(method, TranslatesBack)
    assert method.translate(NETWORKS, X).unique().item() == 0.25
    assert method.translate_back(NETWORKS, Y).unique().item() == 0
    columns = method.columns(NETWORKS, batch_of(X, Y))
    assert values({title: column.mean() for title, column in columns.items()})["and back"] == 0.75


def test_an_image_too_small_for_the_discriminator_is_rejected():
    config = DiscoGANConfig()
    config.check(DataConfig(load_size=64, crop_size=64))
    with pytest.raises(
        ConfigError, match=r"^data.crop_size = 48: method.discriminator.num_layers = 4 needs at least 64"
    ):
        config.check(DataConfig(load_size=48, crop_size=48))
