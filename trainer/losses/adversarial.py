"""Adversarial objectives over logits of any shape: D(x) = sigmoid(logit), or a critic's value f(x) = logit.

Real and fake terms are means of their own, so either may come from more images than the other.
"""

import torch.nn.functional as F
from torch import Tensor

from trainer.config.adversarial import AdversarialConfig


def discriminator_losses(config: AdversarialConfig, *, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """What the discriminator minimises on real and on fake logits, as `real` and `fake`.

    `minimax`, `non-saturating`: -log D(x) and -log(1 - D(G(z))) (Goodfellow et al. 2014, equation 1).
    `least-squares`: (D(x) - 1)^2 and D(G(z))^2, D without sigmoid: twice equation 2 of Mao et al. 2017 with a = 0,
    b = 1, as Zhu et al. 2017 (section 4) write it.
    `wasserstein`: -f(x) and f(G(z)) (Arjovsky et al. 2017, equation 2).
    `hinge`: max(0, 1 - f(x)) and max(0, 1 + f(G(z))) (Lim & Ye 2017, equation 13).
    """
    if config.objective in ("minimax", "non-saturating"):
        return {"real": F.softplus(-real).mean(), "fake": F.softplus(fake).mean()}  # softplus(-l) = -log sigmoid(l)
    if config.objective == "least-squares":
        return {"real": (real - 1).square().mean(), "fake": fake.square().mean()}
    if config.objective == "wasserstein":
        return {"real": -real.mean(), "fake": fake.mean()}
    return {"real": F.relu(1 - real).mean(), "fake": F.relu(1 + fake).mean()}


def generator_loss(config: AdversarialConfig, *, fake: Tensor) -> Tensor:
    """What the generator minimises on the logits of its fakes.

    `minimax`: log(1 - D(G(z))) (Goodfellow et al. 2014, equation 1), flat where D recognises every fake.
    `non-saturating`: -log D(G(z)) (the same, section 3). `least-squares`: (D(G(z)) - 1)^2.
    `wasserstein`, `hinge`: -f(G(z)).
    """
    if config.objective == "minimax":
        return -F.softplus(fake).mean()
    if config.objective == "non-saturating":
        return F.softplus(-fake).mean()
    if config.objective == "least-squares":
        return (fake - 1).square().mean()
    return -fake.mean()
