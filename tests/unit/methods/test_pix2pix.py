"""pix2pix's objective on networks small enough to work out."""

from math import exp, log

import pytest
import torch

from trainer.config import PatchGANConfig, Pix2PixConfig, GeneratorConfig
from trainer.data.batch import Batch
from trainer.methods.pix2pix import Pix2Pix

A = torch.full((1, 1, 2, 2), 0.5)
B = torch.full((1, 1, 2, 2), -0.5)


@pytest.fixture
def method() -> Pix2Pix:
    config = Pix2PixConfig(
        generator=GeneratorConfig(num_filters=1, num_downs=2), discriminator=PatchGANConfig(num_filters=1, num_layers=1)
    )
    return Pix2Pix(config, channels_a=1, channels_b=1)


@pytest.fixture
def batch() -> Batch:
    return Batch(a=A, b=B, index=torch.arange(1))


def halve(image: torch.Tensor) -> torch.Tensor:
    """The generator: G(x) = x / 2 = 0.25."""
    return image / 2


def sum_of_channels(pair: torch.Tensor) -> torch.Tensor:
    """The discriminator: the logit is x + y, so 0 for the real pair and 0.75 for the fake."""
    return pair.sum(dim=1, keepdim=True)


NETWORKS = {"generator": halve, "discriminator": sum_of_channels}


def test_generators_terms(method: Pix2Pix, batch: Batch):
    fakes = method.forward(NETWORKS, batch)
    losses = method.losses("generator", NETWORKS, batch, fakes)
    # L_cGAN: -log sigmoid(0.75). L_L1, weighted: 100 |0.25 - (-0.5)| = 75.
    assert losses["gan"].item() == pytest.approx(log(1 + exp(-0.75)))
    assert losses["l1"].item() == pytest.approx(75)


def test_discriminators_terms_are_halved(method: Pix2Pix, batch: Batch):
    losses = method.losses("discriminator", NETWORKS, batch, method.forward(NETWORKS, batch))
    # Real pair: -log sigmoid(0) = log 2. Fake pair: -log(1 - sigmoid(0.75)) = log(1 + e^0.75).
    assert losses["real"].item() == pytest.approx(0.5 * log(2))
    assert losses["fake"].item() == pytest.approx(0.5 * log(1 + exp(0.75)))


def test_the_discriminators_loss_does_not_reach_the_generator(method: Pix2Pix, batch: Batch):
    networks = {name: net for player in method.players.values() for name, net in player.items()}
    image = torch.randn(1, 1, 16, 16)
    pair = Batch(a=image, b=image, index=batch.index)
    losses = method.losses("discriminator", networks, pair, method.forward(networks, pair))
    sum(losses.values()).backward()  # type: ignore[union-attr]
    assert all(p.grad is None for p in method.players["generator"].parameters())
    assert all(p.grad is not None for p in method.players["discriminator"].parameters())


def test_the_discriminator_is_conditional(method: Pix2Pix, batch: Batch):
    """The same target with another input is judged differently."""
    other = Batch(a=-A, b=B, index=batch.index)
    real, mismatched = (
        method.losses("discriminator", NETWORKS, pair, method.forward(NETWORKS, batch))["real"]
        for pair in (batch, other)
    )
    assert real != mismatched


def test_players_step_in_the_papers_order(method: Pix2Pix):
    assert list(method.players) == ["discriminator", "generator"]
