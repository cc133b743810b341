"""How far a score would move with other images of the same kind: percentile intervals of the bootstrap, over images.

Efron & Tibshirani 1993, chapter 13. Draws are the same at each call.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from trainer.evaluation.set_distances import kernel

Interval = tuple[float, float]
"""The lower and the upper end."""

RESAMPLES, LEVEL = 1000, 0.95
FEWEST = 10
"""Images, below which there is no interval: resamples of so few are too much alike."""
MOST_OF_KERNEL = 2000
"""Images of a set, beyond which the kernel distance has none, as the work grows with their square."""
_AT_ONCE = 2**20  # draws, which bounds the memory

NOTE = (
    f"Intervals: {LEVEL:.0%}, percentiles of {RESAMPLES} resamples of the images (bootstrap). "
    "They are of this one training, and say nothing of another seed."
)
"""What an interval is, for people."""


def mean_interval(values: Tensor) -> Interval | None:
    """Of the mean over images. Args: values: (N,), one an image, in any order. None where they are too few."""
    count = len(values)
    if count < FEWEST:
        return None
    values, generator = values.double().cpu().sort().values, _generator()
    parts = torch.arange(RESAMPLES).split(max(1, _AT_ONCE // count))
    means = [values[torch.randint(count, (len(part), count), generator=generator)].mean(dim=1) for part in parts]
    return _ends(torch.cat(means))


def sums_intervals(values: Tensor, scores: Callable[[Tensor], Mapping[str, Tensor]]) -> dict[str, Interval]:
    """Of scores of sums over images, by name; none where images are too few.

    Args:
        values: (N, M), what each image adds to the sums.
        scores: sums (R, M) float64 -> scores (R,) by name; NaN where a resample has none.
    """
    if len(values) < FEWEST:
        return {}
    found = scores(_times_drawn(len(values), _generator()) @ values.double())
    return {name: _ends(each) for name, each in found.items() if not each.isnan().all()}


def kernel_interval(fakes: Tensor, reals: Tensor) -> Interval | None:
    """Of the kernel distance of two sets, each drawn anew; of pairs of one image with itself none counts.

    Args:
        fakes: (N, D) float64.
        reals: (M, D), likewise.

    Returns:
        None where images are too few, or more than `MOST_OF_KERNEL`.
    """
    if min(len(fakes), len(reals)) < FEWEST or max(len(fakes), len(reals)) > MOST_OF_KERNEL:
        return None
    generator = _generator()
    of_fakes, of_reals = (_times_drawn(len(features), generator) for features in (fakes, reals))
    between = ((of_fakes @ kernel(fakes, reals)) * of_reals).sum(dim=1) / (len(fakes) * len(reals))
    return _ends(_within(of_fakes, fakes) + _within(of_reals, reals) - 2 * between)


def _within(times: Tensor, features: Tensor) -> Tensor:
    """The mean over pairs of different images, of each resample (R, N)."""
    alike = kernel(features, features)
    alike.fill_diagonal_(0)
    return ((times @ alike) * times).sum(dim=1) / (times.sum(dim=1).square() - times.square().sum(dim=1))


def _times_drawn(count: int, generator: torch.Generator) -> Tensor:
    """(R, N) float64: how often each image is in each resample."""
    drawn = torch.randint(count, (RESAMPLES, count), generator=generator)
    return torch.zeros(RESAMPLES, count, dtype=torch.float64).scatter_add_(1, drawn, torch.ones(drawn.shape).double())


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _ends(found: Tensor) -> Interval:
    tail = (1 - LEVEL) / 2
    low, high = torch.nanquantile(found, torch.tensor([tail, 1 - tail], dtype=torch.float64)).tolist()
    return low, high
