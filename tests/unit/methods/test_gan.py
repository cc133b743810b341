"""The GAN's objective worked by hand, on a generator and a discriminator of one number."""

from math import exp, log

import pytest
import torch
from torch import Tensor, nn

from tests.unit.methods.latent_parts import (
    DECODER,
    DISCRIMINATOR,
    SMOOTH,
    TASK,
    networks_with_gradients,
    real_networks,
    single_batch,
    stubs,
)
from trainer.config.adversarial import AdversarialConfig
from trainer.methods.base import Encodes, Networks, Samples, Translates
from trainer.methods.gan.config import GANConfig
from trainer.methods.gan.method import GAN

REAL = torch.full((2, 1, 16, 16), 0.5)


def small(**settings: object) -> GAN:
    settings = {"generator": DECODER, "discriminator": DISCRIMINATOR, "code_size": 4} | settings
    return GAN(GANConfig(**settings), TASK)  # type: ignore[arg-type]


def mean_logit(image: Tensor) -> Tensor:
    """The discriminator: twice the mean, so 1 for real images."""
    return 2 * image.flatten(1).mean(dim=1)


def dark(code: Tensor) -> Tensor:
    """The generator: -1 everywhere, whose logit is -2."""
    return torch.full((len(code), 1, 16, 16), -1.0)


NETWORKS = stubs(generator=dark, discriminator=mean_logit)


def terms(method: GAN, player: str, networks: Networks = NETWORKS) -> dict[str, float]:
    batch = single_batch(REAL)
    losses = method.losses(player, networks, batch, method.forward(networks, batch))
    return {name: loss.item() for name, loss in losses.items()}


def test_discriminators_terms():
    # -log sigmoid(1) and -log(1 - sigmoid(-2)) = log(1 + e^-2).
    expected = {"real": log(1 + exp(-1)), "fake": log(1 + exp(-2))}
    assert terms(small(), "discriminator") == pytest.approx(expected)


@pytest.mark.parametrize(
    ("objective", "expected"), [("minimax", -log(1 + exp(-2))), ("non-saturating", log(1 + exp(2)))]
)
def test_generators_term(objective, expected: float):
    # log(1 - sigmoid(-2)) = -log(1 + e^-2), and -log sigmoid(-2) = log(1 + e^2).
    method = small(adversarial=AdversarialConfig(objective=objective))
    assert terms(method, "generator") == {"gan": pytest.approx(expected)}


class _MeanLogit(nn.Module):
    """`mean_logit` of 256 pixels; its gradient is 2 / 256 in each pixel, of norm 2 / 16 = 1 / 8."""

    def forward(self, image: Tensor) -> Tensor:
        return mean_logit(image)


def test_penalties_join_the_discriminators_terms():
    # Gradient penalty: 10 (1/8 - 1)^2. R1: 4 * (1/8)^2 / 2.
    adversarial = AdversarialConfig(objective="wasserstein", weight_gradient_penalty=10, weight_r1=4)
    networks = Networks(dict(NETWORKS), {"discriminator": _MeanLogit()})
    method = small(adversarial=adversarial, discriminator=SMOOTH)
    expected = {"real": -1, "fake": -2, "gradient_penalty": 10 * 0.875**2, "r1": 4 / 128}
    assert terms(method, "discriminator", networks) == pytest.approx(expected)


@pytest.mark.parametrize("noise", ["uniform", "normal"])
def test_noise_is_the_batchs_and_of_the_kind_asked_for(noise):
    seen: list[Tensor] = []
    networks = stubs(generator=lambda code: seen.append(code) or dark(code))
    method, image = small(noise=noise), torch.zeros(64, 1, 16, 16)
    method.forward(networks, single_batch(image))
    method.forward(networks, single_batch(image[:32], position=32))
    assert seen[0].shape == (64, 4)
    assert torch.equal(seen[0][32:], seen[1])  # what a second rank would draw for its half
    torch.manual_seed(0)
    method.sample(networks, 64, None)
    for code in (seen[0], seen[2]):
        # Standard deviations 1 and 1 / sqrt(3) = 0.577, of 256 numbers, whose mean deviates by 1 / 16.
        assert code.std().item() == pytest.approx(1 if noise == "normal" else 0.577, rel=0.15)
        assert code.mean().item() == pytest.approx(0, abs=0.25)
        assert (code.abs().max() > 1) == (noise == "normal")


def test_each_player_reaches_its_own_network():
    batch = single_batch(torch.randn(2, 1, 16, 16))
    assert networks_with_gradients(small(), player="discriminator", batch=batch) == {"discriminator"}
    assert "generator" in networks_with_gradients(small(), player="generator", batch=batch)


def test_critics_step_more_often_and_are_clipped():
    adversarial = AdversarialConfig(objective="wasserstein", weight_clip=0.01, num_discriminator_steps=5)
    players = small(adversarial=adversarial).players
    assert list(players) == ["discriminator", "generator"]
    assert (players["discriminator"].period, players["generator"].period) == (1, 5)
    assert (players["discriminator"].weight_clip, players["generator"].weight_clip) == (0.01, 0)
    assert (players["discriminator"].is_discriminator, players["generator"].is_discriminator) == (True, False)


def test_it_samples_and_translates_nothing():
    method = small()
    assert isinstance(method, Samples)
    assert not isinstance(method, Translates)
    assert not isinstance(method, Encodes)
    columns = method.columns(real_networks(method), single_batch(torch.zeros(2, 1, 16, 16)))
    assert list(columns) == [f"sample {place}" for place in range(1, 7)]
    assert all(column.shape == (2, 1, 16, 16) for column in columns.values())
    assert not torch.equal(columns["sample 1"], columns["sample 2"])
