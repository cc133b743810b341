"""DualGAN's objective on networks small enough to work out."""

import pytest
import torch

from tests.unit.methods.two_way_networks import (
    NETWORKS,
    TASK,
    X,
    Y,
    check_that_players_train_alone,
    losses_of,
    own_networks,
    thrice,
)
from trainer.config.adversarial import AdversarialConfig
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.methods.base import Networks, TranslatesBack
from trainer.methods.dualgan.config import DualGANConfig
from trainer.methods.dualgan.method import DualGAN

GENERATOR = GeneratorConfig(num_filters=2, num_downs=5)
DISCRIMINATOR = PatchGANConfig(num_filters=2, num_layers=1)


def build(**changes) -> DualGAN:
    return DualGAN(DualGANConfig(generator=GENERATOR, discriminator=DISCRIMINATOR, **changes), TASK)


def test_critics_terms():
    # Equations 1 and 2: D_A(G_A(u)) - D_A(v) is fake_b + real_b, D_B(G_B(v)) - D_B(u) is fake_a + real_a.
    assert losses_of(build(), "discriminators") == pytest.approx(
        {"real_a": -2.5, "fake_a": 2, "real_b": 1, "fake_b": 0.5}
    )


def test_generators_terms():
    # Equation 3: 500 |u - G_B(G_A(u))| + 300 |v - G_A(G_B(v))| - D_B(G_B(v)) - D_A(G_A(u)).
    assert losses_of(build(weight_v=300), "generators") == pytest.approx(
        {"gan_a": -2, "gan_b": -0.5, "reconstruction_u": 500 * 0.25, "reconstruction_v": 300 * 0.5}
    )


def test_a_reconstruction_without_weight_is_left_out():
    assert set(losses_of(build(weight_u=0), "generators")) == {"gan_a", "gan_b", "reconstruction_v"}
    assert set(losses_of(build(weight_v=0), "generators")) == {"gan_a", "gan_b", "reconstruction_u"}


def test_a_gradient_penalty_can_take_the_place_of_clipping():
    adversarial = AdversarialConfig(objective="wasserstein", weight_gradient_penalty=10)
    method = build(adversarial=adversarial)
    critics = {"discriminator_a": thrice(), "discriminator_b": thrice()}
    losses = losses_of(method, "discriminators", networks=Networks({**NETWORKS, **critics}, critics))
    # 10 (3/2 - 1)^2.
    assert losses["gradient_penalty_a"] == pytest.approx(2.5)
    assert losses["gradient_penalty_b"] == pytest.approx(2.5)
    assert method.players["discriminators"].weight_clip == 0


def test_critics_step_first_three_times_and_are_clipped():
    method = build()
    assert list(method.players) == ["discriminators", "generators"]
    assert method.players["generators"].period == 3
    assert method.players["discriminators"].period == 1
    assert method.players["discriminators"].weight_clip == 0.01
    assert method.players["generators"].weight_clip == 0
    check_that_players_train_alone(method, side=32)


def test_dropout_is_the_noise_of_translation():
    method = build()
    assert isinstance(method, TranslatesBack)
    assert method.trains_at_test_time
    networks = own_networks(method)
    image = torch.randn(1, 1, 32, 32)
    for translate in (method.translate, method.translate_back):
        torch.manual_seed(0)
        first, second = translate(networks, image), translate(networks, image)
        torch.manual_seed(0)
        assert torch.equal(translate(networks, image), first)
        assert not torch.equal(first, second)


def test_each_direction_has_its_generator():
    method = build()
    assert method.translate(NETWORKS, X).unique().item() == 0.25
    assert method.translate_back(NETWORKS, Y).unique().item() == 0
