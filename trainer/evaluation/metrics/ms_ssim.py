"""Structural similarity over five scales (Wang et al. 2003, doi:10.1109/ACSSC.2003.1292216)."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from trainer.evaluation.metrics.base import ImageMean, ScoredView
from trainer.evaluation.score import LEAST_OF_SCALES
from trainer.losses.structure import compared
from trainer.pictures.tensors import to_levels

_EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the scales, from the image's own to a sixteenth; section 3.2."""


def ms_ssim(fake_b: Tensor, real_b: Tensor, *, eight_bits: bool = True) -> Tensor:
    """Equation 7 of each image: contrast and structure at each scale, luminance at the last, windows as of `ssim`.

    Each scale is the former by means of 2 x 2 pixels, an odd last row or column left out. Contrast and structure below
    0 count 0, as a root of theirs is no number.

    Args:
        fake_b: (N, C, H, W) in [-1, 1], rounded to 8 bits first.
        real_b: likewise.
        eight_bits: False compares deeper images unrounded, on the same scale.

    Returns:
        (N,) in 0..1, 1 for equal images.

    Raises:
        ValueError: H or W is less than 176: no window lies inside at the last scale.
    """
    height, width = fake_b.shape[2:]
    if min(height, width) < LEAST_OF_SCALES:
        raise ValueError(f"MS-SSIM of {height} x {width} pixels: use at least {LEAST_OF_SCALES} pixels a side")
    levels = [to_levels(image, eight_bits=eight_bits) for image in (fake_b, real_b)]
    found = torch.ones(len(fake_b), device=fake_b.device)
    for scale, exponent in enumerate(_EXPONENTS, start=1):
        luminance, structure = compared(*levels)
        value = luminance * structure if scale == len(_EXPONENTS) else structure
        found = found * value.mean(dim=(1, 2, 3)).clamp(min=0) ** exponent
        levels = [F.avg_pool2d(each, 2) for each in levels]
    return found


def make(view: ScoredView) -> ImageMean:
    """The mean over images, rounded as the view's files are."""
    return ImageMean("ms_ssim", partial(ms_ssim, eight_bits=view.eight_bits))
