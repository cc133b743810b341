"""Adversarial losses against arithmetic by hand."""

from dataclasses import replace
from math import exp, log
from typing import Any

import pytest
import torch

from trainer.config.adversarial import AdversarialConfig
from trainer.config.errors import ConfigError
from trainer.config.section import check_section
from trainer.losses.adversarial import discriminator_losses, generator_loss

MINIMAX = AdversarialConfig(objective="minimax")
NON_SATURATING = AdversarialConfig(objective="non-saturating")
LEAST_SQUARES = AdversarialConfig(objective="least-squares")
WASSERSTEIN = AdversarialConfig(objective="wasserstein", weight_clip=0.01)
HINGE = AdversarialConfig(objective="hinge")


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def slope_of_generator(config: AdversarialConfig, logit: float) -> float:
    logits = torch.tensor([logit], requires_grad=True)
    generator_loss(config, fake=logits).backward()
    assert logits.grad is not None
    return logits.grad.item()


@pytest.mark.parametrize("config", [MINIMAX, NON_SATURATING])
def test_the_discriminator_of_both_gans_is_equation_1_of_goodfellow(config: AdversarialConfig):
    losses = discriminator_losses(config, real=torch.tensor([2.0, -1.0]), fake=torch.tensor([0.5]))
    # -log D(x), the mean over patches, and -log(1 - D(G(z))), with D = sigmoid(logit).
    assert losses["real"].item() == pytest.approx(-(log(sigmoid(2)) + log(sigmoid(-1))) / 2)
    assert losses["fake"].item() == pytest.approx(-log(1 - sigmoid(0.5)))


def test_minimax_generator_saturates_where_fakes_are_recognised():
    assert generator_loss(MINIMAX, fake=torch.tensor([-3.0, 0.5])).item() == pytest.approx(
        (log(1 - sigmoid(-3)) + log(1 - sigmoid(0.5))) / 2
    )
    # d/dl log(1 - sigmoid(l)) = -sigmoid(l): near 0 at -3.
    assert slope_of_generator(MINIMAX, -3.0) == pytest.approx(-sigmoid(-3))


def test_non_saturating_generator_does_not():
    assert generator_loss(NON_SATURATING, fake=torch.tensor([-3.0])).item() == pytest.approx(-log(sigmoid(-3)))
    # d/dl -log sigmoid(l) = sigmoid(l) - 1: near -1 at -3.
    assert slope_of_generator(NON_SATURATING, -3.0) == pytest.approx(sigmoid(-3) - 1)


def test_least_squares_is_that_of_mao_with_labels_0_and_1():
    losses = discriminator_losses(LEAST_SQUARES, real=torch.tensor([0.5, 1.0]), fake=torch.tensor([0.5]))
    assert losses["real"].item() == pytest.approx(((0.5 - 1) ** 2 + 0) / 2)
    assert losses["fake"].item() == pytest.approx(0.5**2)
    assert generator_loss(LEAST_SQUARES, fake=torch.tensor([0.25])).item() == pytest.approx(0.75**2)


@pytest.mark.parametrize("objective", ["minimax", "non-saturating"])
def test_smoothed_labels_of_real_images_are_those_of_salimans(objective: Any):
    config = AdversarialConfig(objective=objective, label_smoothing=0.1)
    losses = discriminator_losses(config, real=torch.tensor([2.0, -1.0]), fake=torch.tensor([0.5]))
    entropies = [-(0.9 * log(sigmoid(logit)) + 0.1 * log(1 - sigmoid(logit))) for logit in (2, -1)]
    assert losses["real"].item() == pytest.approx(sum(entropies) / 2)
    assert losses["fake"].item() == pytest.approx(-log(1 - sigmoid(0.5)))  # one-sided
    assert generator_loss(config, fake=torch.tensor([0.5])) == generator_loss(
        AdversarialConfig(objective=objective), fake=torch.tensor([0.5])
    )


def test_smoothed_labels_of_least_squares():
    config = AdversarialConfig(objective="least-squares", label_smoothing=0.1)
    losses = discriminator_losses(config, real=[torch.tensor([0.5]), torch.tensor([1.0])], fake=torch.tensor([0.5]))
    assert losses["real"].item() == pytest.approx((0.5 - 0.9) ** 2 + (1 - 0.9) ** 2)
    assert losses["fake"].item() == pytest.approx(0.5**2)
    assert generator_loss(config, fake=torch.tensor([0.25])).item() == pytest.approx(0.75**2)


@pytest.mark.parametrize("critic", [WASSERSTEIN, HINGE])
def test_a_critic_has_no_labels_to_smooth(critic: AdversarialConfig):
    with pytest.raises(ConfigError, match=rf"label_smoothing = 0.1.*{critic.objective}.*use 0"):
        check_section(replace(critic, label_smoothing=0.1))


def test_wasserstein_is_the_difference_of_means():
    losses = discriminator_losses(WASSERSTEIN, real=torch.tensor([2.0, 4.0]), fake=torch.tensor([1.5, -0.5, 2.0]))
    assert losses["real"].item() == pytest.approx(-3)
    assert losses["fake"].item() == pytest.approx(1)
    assert generator_loss(WASSERSTEIN, fake=torch.tensor([1.5, -0.5, 2.0])).item() == pytest.approx(-1)


def test_hinge_pays_nothing_beyond_the_margin():
    losses = discriminator_losses(HINGE, real=torch.tensor([3.0, 0.25]), fake=torch.tensor([-2.0, 0.5]))
    assert losses["real"].item() == pytest.approx((0 + 0.75) / 2)
    assert losses["fake"].item() == pytest.approx((0 + 1.5) / 2)
    assert generator_loss(HINGE, fake=torch.tensor([-2.0, 0.5])).item() == pytest.approx(0.75)


@pytest.mark.parametrize("config", [MINIMAX, NON_SATURATING])
def test_an_undecided_discriminator_pays_log_2(config: AdversarialConfig):
    zeros = torch.zeros(2, 1, 3, 3)
    losses = discriminator_losses(config, real=zeros, fake=zeros)
    assert losses["real"].item() == pytest.approx(log(2))
    assert losses["fake"].item() == pytest.approx(log(2))


@pytest.mark.parametrize("config", [MINIMAX, NON_SATURATING])
def test_confident_logits_stay_finite(config: AdversarialConfig):
    losses = discriminator_losses(config, real=torch.tensor([-200.0]), fake=torch.tensor([200.0]))
    assert [loss.item() for loss in losses.values()] == [200, 200]


@pytest.mark.parametrize("config", [MINIMAX, NON_SATURATING, LEAST_SQUARES, WASSERSTEIN, HINGE])
def test_losses_of_several_discriminators_add_up(config: AdversarialConfig):
    """Each is a mean over its own logits: four of the first scale weigh as much as the one of the second."""
    fine, coarse = torch.tensor([0.5, -1.0, 2.0, 0.25]), torch.tensor([0.75])
    apart = [discriminator_losses(config, real=one, fake=-one) for one in (fine, coarse)]
    together = discriminator_losses(config, real=[fine, coarse], fake=(-fine, -coarse))
    assert {name: loss.item() for name, loss in together.items()} == pytest.approx(
        {name: sum(losses[name].item() for losses in apart) for name in ("real", "fake")}
    )
    expected = sum(generator_loss(config, fake=one).item() for one in (fine, coarse))
    assert generator_loss(config, fake=[fine, coarse]).item() == pytest.approx(expected)


def test_least_squares_of_two_scales():
    losses = discriminator_losses(
        LEAST_SQUARES, real=[torch.tensor([1.0, 0.0]), torch.tensor([3.0])], fake=[torch.tensor([2.0])]
    )
    assert losses["real"].item() == pytest.approx((0 + 1) / 2 + 4)
    assert losses["fake"].item() == pytest.approx(4)
