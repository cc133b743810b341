"""What keeps a discriminator smooth: penalties on the gradient of its value with respect to its input.

The value of a sample is the mean of its logits, for that is what the adversarial losses average. A discriminator of
pairs (image and code) takes tuples; its gradient is that of the whole pair. Of several discriminators, which give a
sequence of logits, each has a gradient and a penalty of its own, and the penalties add up, as their losses do.

Give these the plain module (`Networks.module`) in a callable that returns logits alone: what is differentiated twice
cannot pass through an engine. Layers that mix samples (batch normalisation) make a sample's gradient depend on its
batch: Gulrajani et al. (section 4) advise against them in a critic.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from trainer.config.adversarial import AdversarialConfig
from trainer.losses.adversarial import Logits

Inputs = Tensor | tuple[Tensor, ...]
"""(N, ...) tensors that a discriminator takes together."""


def gradient_penalty(discriminator: Callable[..., Logits], *, real: Inputs, fake: Inputs, epsilon: Tensor) -> Tensor:
    """Mean of (|grad D(x)| - 1)^2 at x = epsilon real + (1 - epsilon) fake (Gulrajani et al. 2017, equation 3).

    Args:
        discriminator: inputs to logits (N, ...), or to a sequence of them.
        real: may carry a graph; it ends here, as that of `fake` does.
        epsilon: N values in [0, 1), one for each sample: `batch.uniform("epsilon", 1)`.
    """
    between = tuple(_mix(epsilon, one, other) for one, other in zip(_as_tuple(real), _as_tuple(fake), strict=True))
    gradients = _gradients(discriminator, between)
    return torch.stack([(one.norm(dim=1) - 1).square().mean() for one in gradients]).sum()  # `norm` has a slope at 0: 0


def r1_penalty(discriminator: Callable[..., Logits], real: Inputs) -> Tensor:
    """Mean of |grad D(x)|^2 / 2 on real samples (Mescheder et al. 2018, equation 9, with gamma = 1)."""
    gradients = _gradients(discriminator, _as_tuple(real))
    return 0.5 * torch.stack([one.square().sum(dim=1).mean() for one in gradients]).sum()


def regularisation(
    config: AdversarialConfig, discriminator: Callable[..., Logits], *, real: Inputs, fake: Inputs, epsilon: Tensor
) -> dict[str, Tensor]:
    """The penalties that are switched on, weighted, as `gradient_penalty` and `r1`; add them to D's losses."""
    terms = {}
    if config.weight_gradient_penalty > 0:
        penalty = gradient_penalty(discriminator, real=real, fake=fake, epsilon=epsilon)
        terms["gradient_penalty"] = config.weight_gradient_penalty * penalty
    if config.weight_r1 > 0:
        terms["r1"] = config.weight_r1 * r1_penalty(discriminator, real)
    return terms


def _as_tuple(inputs: Inputs) -> tuple[Tensor, ...]:
    return (inputs,) if isinstance(inputs, Tensor) else inputs


def _mix(epsilon: Tensor, real: Tensor, fake: Tensor) -> Tensor:
    share = epsilon.reshape(-1, *[1] * (real.dim() - 1))
    return share * real + (1 - share) * fake


def _gradients(discriminator: Callable[..., Logits], inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """Of each discriminator (N, all entries of a sample): of each sample's value, differentiable by the weights."""
    leaves = tuple(tensor.detach().requires_grad_() for tensor in inputs)
    judged = discriminator(*leaves)
    return [_gradient(logits, leaves) for logits in ([judged] if isinstance(judged, Tensor) else judged)]


def _gradient(logits: Tensor, leaves: tuple[Tensor, ...]) -> Tensor:
    values = logits.reshape(len(leaves[0]), -1).mean(dim=1)
    gradients = torch.autograd.grad(values.sum(), leaves, create_graph=True)
    return torch.cat([gradient.flatten(1) for gradient in gradients], dim=1)
