"""Structural similarity of 8-bit images (Wang et al. 2004, doi:10.1109/TIP.2003.819861)."""

from functools import partial

from torch import Tensor

from trainer.evaluation.metrics.base import ImageMean, ScoredView
from trainer.losses.structure import WINDOW, compared
from trainer.pictures.tensors import to_levels


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


def make(view: ScoredView) -> ImageMean:
    """The mean over images, rounded as the view's files are."""
    return ImageMean("ssim", partial(ssim, eight_bits=view.eight_bits))
