"""Structural similarity of 8-bit images (Wang et al. 2004, doi:10.1109/TIP.2003.819861)."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from trainer.evaluation.metrics.base import ImageMean, ScoredView
from trainer.pictures.tensors import to_levels

WINDOW, _SIGMA = 11, 1.5  # pixels
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_MIDDLE = 127.5
"""Subtracted before squares are taken, which changes no variance: small numbers lose less of theirs in float32."""


def ssim(fake_b: Tensor, real_b: Tensor, *, eight_bits: bool = True) -> Tensor:
    """Equation 13 of each image: Gaussian window of 11 pixels, sigma 1.5, K1 = 0.01, K2 = 0.03, L = 255.

    The mean over the windows that lie inside the image (as in the authors' `ssim_index.m`), and over channels (the
    paper has greyscale only).

    Args:
        fake_b: (N, C, H, W) in [-1, 1], rounded to 8 bits first.
        real_b: likewise.
        eight_bits: False compares deeper images unrounded, on the same scale.

    Returns:
        (N,), 1 for equal images; float32 is up to 0.00004 off where images are bright and flat.

    Raises:
        ValueError: H or W is less than 11: no window lies inside.
    """
    height, width = fake_b.shape[2:]
    if min(height, width) < WINDOW:
        raise ValueError(f"SSIM of {height} x {width} pixels: use images of at least {WINDOW} pixels a side")
    return ssim_map(fake_b, real_b, eight_bits=eight_bits).mean(dim=(1, 2, 3))


def ssim_map(fake_b: Tensor, real_b: Tensor, *, eight_bits: bool = True) -> Tensor:
    """As `ssim`, of each window: (N, C, H - 10, W - 10)."""
    luminance, structure = compared(*(to_levels(image, eight_bits=eight_bits) for image in (fake_b, real_b)))
    return luminance * structure


def compared(fakes: Tensor, reals: Tensor) -> tuple[Tensor, Tensor]:
    """The factors of equation 13 of each window: luminance; contrast and structure.

    Args:
        fakes: (N, C, H, W), levels in 0..255.
        reals: likewise.

    Returns:
        (N, C, H - 10, W - 10) each.
    """
    x, y = (levels.contiguous() - _MIDDLE for levels in (fakes, reals))
    mean_x, mean_y, x_square, y_square, product = _local_means(torch.cat([x, y, x * x, y * y, x * y])).chunk(5)
    variances = x_square - mean_x.square() + y_square - mean_y.square()
    covariance = product - mean_x * mean_y
    mean_x, mean_y = mean_x + _MIDDLE, mean_y + _MIDDLE
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x.square() + mean_y.square() + _C1)
    return luminance, (2 * covariance + _C2) / (variances + _C2)


def _local_means(images: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, H - 10, W - 10): the Gaussian mean of each window, by rows and then by columns."""
    offsets = torch.arange(WINDOW, dtype=torch.float32, device=images.device) - WINDOW // 2
    weights = torch.exp(-offsets.square() / (2 * _SIGMA**2))
    weights = weights / weights.sum()
    planes = images.flatten(0, 1).unsqueeze(1)
    means = F.conv2d(F.conv2d(planes, weights.view(1, 1, 1, -1)), weights.view(1, 1, -1, 1))
    return means.view(*images.shape[:2], *means.shape[2:])


def make(view: ScoredView) -> ImageMean:
    """The mean over images, rounded as the view's files are."""
    return ImageMean("ssim", partial(ssim, eight_bits=view.eight_bits))
