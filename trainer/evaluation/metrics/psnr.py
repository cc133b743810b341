"""Peak signal-to-noise ratio, of 8-bit images if not told otherwise."""

from functools import partial

import torch
from torch import Tensor

from trainer.evaluation.metrics.base import ImageMean, ScoredView
from trainer.pictures.tensors import to_levels

LARGEST_DB = 100.0
"""What an exact copy counts. Infinite, as the formula has it, one such image would decide the mean of all;
one grey level off in one value of a 128 px RGB image is 95 dB."""


def psnr(fake_b: Tensor, real_b: Tensor, *, eight_bits: bool = True) -> Tensor:
    """10 log10(255^2 / MSE) in dB of each image, MSE over its pixels and channels, at most `LARGEST_DB`.

    Args:
        fake_b: (N, C, H, W) in [-1, 1], rounded to 8 bits first.
        real_b: likewise.
        eight_bits: False compares deeper images unrounded, on the same scale.

    Returns:
        (N,). The mean over images is the mean of these, not the PSNR of the mean error.
    """
    # Not torchmetrics' function, which gives the same: its import takes seconds of each command's start.
    return decibels(to_levels(fake_b, eight_bits=eight_bits) - to_levels(real_b, eight_bits=eight_bits))


def decibels(error: Tensor) -> Tensor:
    """Differences (N, C, H, W) between levels in 0..255 -> (N,), the PSNR of each image."""
    return (10 * torch.log10(255.0**2 / error.square().mean(dim=(1, 2, 3)))).clamp(max=LARGEST_DB)


def make(view: ScoredView, *, name: str = "psnr") -> ImageMean:
    """The mean over images, rounded as the view's files are."""
    return ImageMean(name, partial(psnr, eight_bits=view.eight_bits))
