"""Adversarial losses against arithmetic by hand."""

from math import exp, log

import pytest
import torch

from trainer.losses.adversarial import discriminator_losses, generator_loss


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def test_bce_is_equation_1_of_goodfellow():
    losses = discriminator_losses("bce", real=torch.tensor([2.0, -1.0]), fake=torch.tensor([0.5]))
    # -log D(y), the mean over patches, and -log(1 - D(G(x))), with D = sigmoid(logit).
    assert losses["real"].item() == pytest.approx(-(log(sigmoid(2)) + log(sigmoid(-1))) / 2)
    assert losses["fake"].item() == pytest.approx(-log(1 - sigmoid(0.5)))


def test_bce_of_the_generator_is_non_saturating():
    logits = torch.tensor([-3.0], requires_grad=True)
    loss = generator_loss("bce", fake=logits)
    assert loss.item() == pytest.approx(-log(sigmoid(-3)))
    loss.backward()
    # d/dl -log sigmoid(l) = sigmoid(l) - 1: near -1 where the fake is recognised; the minimax form would be near 0.
    assert logits.grad is not None
    assert logits.grad.item() == pytest.approx(sigmoid(-3) - 1)


def test_least_squares_is_equation_9_of_mao():
    losses = discriminator_losses("least-squares", real=torch.tensor([0.5, 1.0]), fake=torch.tensor([0.5]))
    assert losses["real"].item() == pytest.approx(((0.5 - 1) ** 2 + 0) / 2)
    assert losses["fake"].item() == pytest.approx(0.5**2)
    assert generator_loss("least-squares", fake=torch.tensor([0.25])).item() == pytest.approx(0.75**2)


def test_an_undecided_discriminator_pays_log_2():
    zeros = torch.zeros(2, 1, 3, 3)
    losses = discriminator_losses("bce", real=zeros, fake=zeros)
    assert losses["real"].item() == pytest.approx(log(2))
    assert generator_loss("bce", fake=zeros).item() == pytest.approx(log(2))
