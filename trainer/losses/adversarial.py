"""Adversarial objectives over discriminator logits of any shape."""

import torch
import torch.nn.functional as F
from torch import Tensor

from trainer.config import Adversarial


def _distance(kind: Adversarial, logits: Tensor, *, target: float) -> Tensor:
    """Mean distance of logits to the label `target`, 0 (fake) or 1 (real)."""
    labels = torch.full_like(logits, target)
    if kind == "bce":
        return F.binary_cross_entropy_with_logits(logits, labels)
    return F.mse_loss(logits, labels)


def discriminator_losses(kind: Adversarial, *, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """What the discriminator minimises on real and on fake logits.

    `bce`: -log D(y) and -log(1 - D(G(x))) (Goodfellow et al. 2014, equation 1).
    `least-squares`: (D(y) - 1)^2 and D(G(x))^2 (Mao et al. 2017, equation 9 with a = 0, b = 1).
    """
    return {
        "real": _distance(kind, real, target=1.0),
        "fake": _distance(kind, fake, target=0.0),
    }


def generator_loss(kind: Adversarial, *, fake: Tensor) -> Tensor:
    """What the generator minimises on the logits of its fakes.

    `bce`: -log D(G(x)), the non-saturating form (Goodfellow et al. 2014, section 3).
    `least-squares`: (D(G(x)) - 1)^2.
    """
    return _distance(kind, fake, target=1.0)
