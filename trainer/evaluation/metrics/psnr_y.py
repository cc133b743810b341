"""PSNR of the luma channel, as the results of super-resolution are published."""

from functools import partial

import torch
from torch import Tensor

from trainer.evaluation.metrics.base import ImageMean, ScoredView
from trainer.evaluation.metrics.psnr import decibels
from trainer.pictures.tensors import to_levels

_LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)
"""Of R, G and B in 0..255: ITU-R BT.601, Y from 16 (black) to 235 (white)."""


def psnr_y(fake_b: Tensor, real_b: Tensor, *, border: int, eight_bits: bool = True) -> Tensor:
    """10 log10(255^2 / MSE) in dB of Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255 of each image, at most 100.

    As in Ledig et al. 2017 (SRGAN, arXiv:1609.04802, section 3.1) and Lim et al. 2017 (EDSR, arXiv:1707.02921): luma
    alone, and without a border of as many pixels as the factor. Y is not rounded, and the peak is 255 although Y ends
    at 235.

    Args:
        fake_b: (N, 3, H, W) in [-1, 1], rounded to 8 bits first.
        real_b: likewise.
        border: pixels that are left out at each side.
        eight_bits: False compares deeper images unrounded, on the same scale.

    Returns:
        (N,).

    Raises:
        ValueError: the images have other than 3 channels, or are all border.
    """
    channels, height, width = fake_b.shape[1:]
    if channels != len(_LUMA) or min(height, width) <= 2 * border:
        size = f"{channels} channels, {height} x {width} pixels less a border of {border}"
        raise ValueError(f"luma of {size}: use larger RGB images")
    error = to_levels(fake_b, eight_bits=eight_bits) - to_levels(real_b, eight_bits=eight_bits)
    inside = error[:, :, border : height - border, border : width - border]
    return decibels((inside * torch.tensor(_LUMA).to(inside).view(1, -1, 1, 1)).sum(dim=1, keepdim=True))


def make(view: ScoredView) -> ImageMean:
    """The mean over images, without the view's border."""
    return ImageMean("psnr_y", partial(psnr_y, border=view.border, eight_bits=view.eight_bits))
