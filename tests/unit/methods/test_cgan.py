"""The conditional GAN's objective worked by hand: three labels, a discriminator that knows which fits."""

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
from trainer.config.errors import ConfigError
from trainer.config.method import Task
from trainer.methods.base import Networks, Samples
from trainer.methods.cgan.config import CGANConfig
from trainer.methods.cgan.method import CGAN
from trainer.methods.registry import build_method

LABELS = torch.tensor([0, 2, 1])
REAL = torch.tensor([0.0, 2.0, 1.0]).view(3, 1, 1, 1).expand(3, 1, 16, 16)
"""Each image shows its label as a grey value."""


def small(**settings: object) -> CGAN:
    settings = {"generator": DECODER, "discriminator": DISCRIMINATOR, "code_size": 4} | settings
    return CGAN(CGANConfig(**settings), TASK)  # type: ignore[arg-type]


def fits(image: Tensor, condition: Tensor) -> Tensor:
    """The discriminator: 1 where the grey value is the label, -1 elsewhere."""
    return torch.where(image[:, 0, 0, 0] == condition.argmax(dim=1), 1.0, -1.0)


def one_more(code: Tensor) -> Tensor:
    """The generator: a grey value of label + 10, which never fits."""
    return (code[:, -3:].argmax(dim=1) + 10.0).view(-1, 1, 1, 1).expand(-1, 1, 16, 16)


NETWORKS = stubs(generator=one_more, discriminator=fits)
BATCH = single_batch(REAL, label=LABELS)


def terms(method: CGAN, player: str) -> dict[str, float]:
    losses = method.losses(player, NETWORKS, BATCH, method.forward(NETWORKS, BATCH))
    return {name: loss.item() for name, loss in losses.items()}


def test_terms_of_both_players():
    # Logit 1 for real pairs, -1 for fakes: -log sigmoid(1), -log(1 - sigmoid(-1)), and -log sigmoid(-1).
    assert terms(small(), "discriminator") == pytest.approx({"real": log(1 + exp(-1)), "fake": log(1 + exp(-1))})
    assert terms(small(), "generator") == pytest.approx({"gan": log(1 + exp(1))})


def test_a_real_image_with_a_wrong_condition_is_a_third_example():
    # No wrong label fits: -log(1 - sigmoid(-1)), weighted.
    with_wrong = terms(small(weight_wrong_condition=0.5), "discriminator")
    assert with_wrong["wrong_condition"] == pytest.approx(0.5 * log(1 + exp(-1)))
    assert list(with_wrong) == ["real", "fake", "wrong_condition"]


def test_wrong_conditions_are_all_the_others_alike():
    method = small(weight_wrong_condition=1)
    labels = torch.full((600,), 2)
    seen: list[Tensor] = []
    networks = stubs(discriminator=lambda image, condition: seen.append(condition) or image[:, 0, 0, 0])
    batch = single_batch(torch.zeros(600, 1, 1, 1), label=labels)
    method.losses("discriminator", networks, batch, {"fake_b": batch.b})
    counts = seen[2].sum(dim=0)
    assert counts.sum() == 600
    assert counts[2] == 0
    assert counts[0].item() == pytest.approx(300, abs=50)  # four standard deviations


def test_the_condition_stands_beside_z():
    seen: list[Tensor] = []
    networks = stubs(generator=lambda code: seen.append(code) or one_more(code))
    small().forward(networks, BATCH)
    small().sample(networks, 3, LABELS)
    for code in seen:
        assert code.shape == (3, 4 + 3)
        assert torch.equal(code[:, 4:], torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, 1, 0]]))


class _Conditional(nn.Module):
    """The logit is the sum of 256 pixels times the label: a gradient of norm 16 * label."""

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        return image.flatten(1).sum(dim=1) * condition.argmax(dim=1)


def test_penalties_hold_the_condition():
    # R1 / 2: the mean of (16 * label)^2 / 2 over labels 0, 2, 1.
    method = small(adversarial=AdversarialConfig(weight_r1=1), discriminator=SMOOTH)
    networks = Networks(dict(NETWORKS), {"discriminator": _Conditional()})
    losses = method.losses("discriminator", networks, BATCH, method.forward(networks, BATCH))
    assert losses["r1"].item() == pytest.approx(256 * (0 + 4 + 1) / 3 / 2)


def test_networks_fit_each_other():
    method, batch = small(), single_batch(torch.randn(3, 1, 16, 16), label=LABELS)
    assert isinstance(method, Samples)
    columns = method.columns(real_networks(method), batch)
    assert list(columns) == ["real", *(f"sample {place}" for place in range(1, 6))]
    assert all(column.shape == (3, 1, 16, 16) for column in columns.values())
    assert networks_with_gradients(small(), player="discriminator", batch=batch) == {"discriminator"}
    assert "generator" in networks_with_gradients(small(), player="generator", batch=batch)


def test_a_wrong_condition_needs_two_labels():
    task = Task(channels_a=1, channels_b=1, side=16, num_labels=1)
    with pytest.raises(ConfigError, match=r"method\.weight_wrong_condition = 1\.0: needs a label of two values"):
        build_method(CGANConfig(weight_wrong_condition=1.0), task)
