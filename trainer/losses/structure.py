"""Structural similarity, window by window (Wang et al. 2004, doi:10.1109/TIP.2003.819861), as a score and as a loss."""

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW, _SIGMA = 11, 1.5  # pixels
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_MIDDLE = 127.5
"""Subtracted before squares are taken, which changes no variance: small numbers lose less of theirs in float32."""


def structure_loss(fake: Tensor, real: Tensor) -> Tensor:
    """1 - SSIM in grey, the mean over windows and images (Zhao et al. 2017, arXiv:1511.08861, equation 7).

    SSIM is defined on grey images, here the mean of channels. Channel by channel this loss draws each line's colours
    by themselves, and they fray at its edges (`docs/log.md`). Hue is left to the other losses.

    A line that differs by ten levels from a flat ground hardly counts for L1; here each window is measured by its own
    contrast, so that the line counts nearly as a black one would.

    Args:
        fake: (N, C, H, W) in [-1, 1], sides of at least 11 pixels.
        real: likewise.
    """
    luminance, structure = compared(*((image.mean(dim=1, keepdim=True) + 1) * _MIDDLE for image in (fake, real)))
    return 1 - (luminance * structure).mean()


def compared(fakes: Tensor, reals: Tensor) -> tuple[Tensor, Tensor]:
    """The factors of equation 13 of each window: luminance; contrast and structure.

    Args:
        fakes: (N, C, H, W), levels in 0..255.
        reals: likewise.

    Returns:
        (N, C, H - 10, W - 10) each.
    """
    x, y = (levels.contiguous() - _MIDDLE for levels in (fakes, reals))
    means = _local_means(torch.cat([x, y, x * x, y * y, x * y], dim=1))
    mean_x, mean_y, x_square, y_square, product = means.chunk(5, dim=1)
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
    channels = images.shape[
        1
    ]  # each by itself: as channels of one image five times as fast on a CPU as as images of one
    rows, columns = (weights.view(shape).expand(channels, -1, -1, -1) for shape in ((1, 1, 1, -1), (1, 1, -1, 1)))
    return F.conv2d(F.conv2d(images, rows, groups=channels), columns, groups=channels)
