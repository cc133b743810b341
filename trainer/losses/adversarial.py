"""Adversarial objectives over logits of any shape: D(x) = sigmoid(logit), or a critic's value f(x) = logit.

Real and fake terms are means of their own, so either may come from more images than the other. Several discriminators,
as those of several scales (Wang et al. 2018, arXiv:1711.11585, equation 3), give a sequence of logits; each weighs the
same, however many logits it has, and their losses add up.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from trainer.config.adversarial import AdversarialConfig
from trainer.losses.verdicts import Logits, tell


def discriminator_losses(config: AdversarialConfig, *, real: Logits, fake: Logits) -> dict[str, Tensor]:
    """What the discriminator minimises on real and on fake logits, as `real` and `fake`; s is `label_smoothing`.

    `minimax`, `non-saturating`: -log D(x) and -log(1 - D(G(z))) (Goodfellow et al. 2014, equation 1); with s
    -(1 - s) log D(x) - s log(1 - D(x)), the cross entropy of a label 1 - s (Salimans et al. 2016, section 3.4).
    `least-squares`: (D(x) - 1 + s)^2 and D(G(z))^2, D without sigmoid: twice equation 2 of Mao et al. 2017 with a = 0,
    b = 1, as Zhu et al. 2017 (section 4) write it.
    `wasserstein`: -f(x) and f(G(z)) (Arjovsky et al. 2017, equation 2).
    `hinge`: max(0, 1 - f(x)) and max(0, 1 + f(G(z))) (Lim & Ye 2017, equation 13).
    """
    tell(config, real=real, fake=fake)
    smoothing = config.label_smoothing
    if config.objective in ("minimax", "non-saturating"):
        # softplus(-l) = -log sigmoid(l), and softplus(l) = softplus(-l) + l
        smoothed = _sum(real, lambda one: F.softplus(-one) + smoothing * one if smoothing else F.softplus(-one))
        return {"real": smoothed, "fake": _sum(fake, F.softplus)}
    if config.objective == "least-squares":
        return {"real": _sum(real, lambda one: (one - (1 - smoothing)).square()), "fake": _sum(fake, torch.square)}
    if config.objective == "wasserstein":
        return {"real": -_sum(real), "fake": _sum(fake)}
    return {"real": _sum(real, lambda one: F.relu(1 - one)), "fake": _sum(fake, lambda one: F.relu(1 + one))}


def generator_loss(config: AdversarialConfig, *, fake: Logits) -> Tensor:
    """What the generator minimises on the logits of its fakes.

    `minimax`: log(1 - D(G(z))) (Goodfellow et al. 2014, equation 1), flat where D recognises every fake.
    `non-saturating`: -log D(G(z)) (the same, section 3). `least-squares`: (D(G(z)) - 1)^2.
    `wasserstein`, `hinge`: -f(G(z)).
    """
    if config.objective == "minimax":
        return -_sum(fake, F.softplus)
    if config.objective == "non-saturating":
        return _sum(fake, lambda one: F.softplus(-one))
    if config.objective == "least-squares":
        return _sum(fake, lambda one: (one - 1).square())
    return -_sum(fake)


def _sum(logits: Logits, loss: Callable[[Tensor], Tensor] = lambda one: one) -> Tensor:
    """Over discriminators, of the mean loss of a logit."""
    if isinstance(logits, Tensor):
        return loss(logits).mean()
    return torch.stack([loss(one).mean() for one in logits]).sum()
