"""The mean absolute error of pixels, in grey levels."""

from torch import Tensor

from trainer.evaluation.metrics.base import ImageMean, ScoredView


def absolute_error(fake_b: Tensor, real_b: Tensor) -> Tensor:
    """(N, C, H, W) in [-1, 1] -> (N,), 0..255."""
    return (fake_b - real_b).abs().mean(dim=(1, 2, 3)) * 127.5


def make(view: ScoredView) -> ImageMean:
    return ImageMean("absolute_error", absolute_error)
