"""How sure a translation is: the spread of several ways to make it, at each pixel."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from trainer.inference.manner import FLIPS, Uncertainty

_AXES: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))
"""Mirrored about: nothing, left and right, top and bottom, both."""


def spreading(apply: Callable[..., Tensor], *, how: Uncertainty, num: int) -> Callable[..., Tensor]:
    """`apply` made to give (N, C + 1, H, W): the mean of `num` passes, and their standard deviation.

    That is the root of the variance's mean over channels, with n - 1 in the denominator, of images in [-1, 1].

    Args:
        how: `flips`: the image is mirrored, and its translation back, so that no pass depends on chance; else each pass
            draws dropout, noise or codes anew.
    """
    return partial(_spread, apply, _AXES[:num] if how == FLIPS else ((),) * num)


def _spread(apply: Callable[..., Tensor], axes: tuple[tuple[int, ...], ...], image: Tensor, **kept: Tensor) -> Tensor:
    passes = ((apply(image.flip(about), **kept).float().flip(about)) for about in axes)
    mean = next(passes)
    squares = torch.zeros_like(mean)
    for number, made in enumerate(passes, 2):  # Welford 1962, doi:10.1080/00401706.1962.10490022: no pass is kept
        difference = made - mean
        mean = mean + difference / number
        squares = squares + difference * (made - mean)
    deviation = (squares.mean(1, keepdim=True) / (len(axes) - 1)).clamp_min(0).sqrt()
    return torch.cat([mean, deviation], dim=1)
