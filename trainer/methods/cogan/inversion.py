"""Which code an image has: the search by which CoGAN, which has no encoder, translates."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor


def find_codes(
    generator: Callable[[Tensor], Tensor],
    image: Tensor,
    *,
    starts: Tensor,
    num_steps: int,
    lr: float,
    bound: float | None = None,
) -> Tensor:
    """z* = argmin_z |g(z) - x|^2 for each image x, by Adam from several starts (section 5: L-BFGS).

    Each code has steps of its own, whatever others are in the batch; L-BFGS would search a line for all at once. The
    generator's weights get no gradients. Works where gradients are off.

    Args:
        generator: codes (M, K) to images (M, C, H, W).
        image: (N, C, H, W).
        starts: (num_restarts, N, K).
        bound: codes stay within plus or minus this, where their prior is uniform: beyond it the generators never were,
            and need not agree.

    Returns:
        (N, K): of each image the code of its best start.
    """
    num_restarts = len(starts)
    targets = image.repeat(num_restarts, 1, 1, 1)
    code = starts.flatten(0, 1).clone().requires_grad_()
    distance = partial(_squared_distance, generator, targets)
    search = torch.optim.Adam([code], lr=lr)  # of codes, not of weights: it is part of the method
    for _ in range(num_steps):
        with torch.enable_grad():
            (code.grad,) = torch.autograd.grad(distance(code).sum(), code)
        search.step()
        if bound is not None:
            code.detach().clamp_(-bound, bound)
    found = code.detach()
    with torch.no_grad():
        best = distance(found).unflatten(0, (num_restarts, -1)).argmin(dim=0)
    return found.unflatten(0, (num_restarts, -1))[best, torch.arange(len(image), device=best.device)]


def _squared_distance(generator: Callable[[Tensor], Tensor], targets: Tensor, code: Tensor) -> Tensor:
    """(M,): sums over an image's pixels."""
    return (generator(code) - targets).square().flatten(1).sum(dim=1)
