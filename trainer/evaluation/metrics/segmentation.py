"""Scores of images that show classes in flat colours (Long et al. 2015, arXiv:1411.4038, section 5)."""

import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from sharding.format.manifest import ClassInfo
from trainer.evaluation.bootstrap import Interval, sums_intervals
from trainer.evaluation.metrics.base import ScoredView
from trainer.pictures.classes import class_colors, exact_class, nearest_class
from trainer.ranks.world import World

_MOST_COUNTS = 2**24
"""Of images by pairs of classes, beyond which there are no intervals: 64 MB."""


def pixel_accuracy(confusion: Tensor) -> Tensor:
    """sum_i n_ii / sum_i t_i of matrices (..., K, K): the fraction of all labelled pixels that have the right class."""
    return _diagonal(confusion).sum(dim=-1) / confusion.sum(dim=(-2, -1))


def class_accuracies(confusion: Tensor) -> Tensor:
    """n_ii / t_i of each class of matrices (..., K, K); NaN for an absent one, which no target shows."""
    return _diagonal(confusion) / confusion.sum(dim=-1)


def class_ious(confusion: Tensor) -> Tensor:
    """n_ii / (t_i + sum_j n_ji - n_ii) of each class; NaN for an absent one, which no target shows.

    Fakes may show it all the same: that counts against the classes in whose place they do.
    """
    hits, in_targets = _diagonal(confusion), confusion.sum(dim=-1)
    ious = hits / (in_targets + confusion.sum(dim=-2) - hits)
    return ious.masked_fill(in_targets == 0, math.nan)


def _diagonal(confusion: Tensor) -> Tensor:
    return confusion.diagonal(dim1=-2, dim2=-1)


class Confusion:
    """The confusion matrix n_ij of all labelled pixels: how often class i was given as class j; and scores from it.

    Pixels of no class are in no score, whatever is given there, as in the published scores of pix2pix (Isola et al.
    2017; `fast_hist` of their code).

    Means over classes come in two conventions. `class_accuracy` and `miou` leave out classes that no target
    shows, so they are over the same classes whatever is scored. `class_accuracy_absent_as_zero` and
    `miou_absent_as_zero` are over all classes, an absent one counting 0: so were the published scores of pix2pix
    made, and only these compare with them.

    Args:
        names: of the classes.
        prefix: before the names of the scores.
    """

    def __init__(self, names: Sequence[str], *, prefix: str = "") -> None:
        self.names = list(names)
        self.prefix = prefix
        self.totals = torch.zeros(len(names), len(names), dtype=torch.float64)
        self._each: list[Tensor] | None = []
        """Counts int32 (N, K * K) of each image; None once there are more than `_MOST_COUNTS`."""

    def add(self, given: Tensor, true: Tensor) -> None:
        """Take in class numbers (N, H, W); what is below 0 in `true` is of no class."""
        num, is_labelled = len(self.names), true >= 0
        image = torch.arange(len(true), device=true.device)[:, None, None].expand_as(true)
        places = (image[is_labelled] * num + true[is_labelled]) * num + given[is_labelled]
        counts = torch.bincount(places, minlength=len(true) * num * num).view(len(true), num, num)
        self.totals = self.totals.to(counts.device) + counts.sum(dim=0)
        if self._each is not None:
            self._each.append(counts.flatten(1).int().cpu())
            if sum(map(torch.numel, self._each)) > _MOST_COUNTS:
                self._each = None

    def merge(self, world: World) -> None:
        """Take in what the other ranks counted."""
        self.totals = world.sum(self.totals.to(world.device))
        found = world.gather(self._each)
        self._each = None if None in found else [each for part in found for each in part or ()]

    def shares(self) -> Tensor:
        """float64 (K, K): of the pixels of class i the share that was given as class j; NaN where there are none."""
        totals = self.totals.cpu()
        return totals / totals.sum(dim=1, keepdim=True)

    def compute(self) -> dict[str, float]:
        """Scores by name; none where nothing was labelled."""
        if not self.totals.sum():
            return {}
        found = {name: value.item() for name, value in self._scores(self.totals).items()}
        return {name: value for name, value in found.items() if not math.isnan(value)}

    def _scores(self, totals: Tensor) -> dict[str, Tensor]:
        """Of matrices (..., K, K), by name; NaN where there is none."""
        accuracies, ious = class_accuracies(totals), class_ious(totals)
        scores = {
            "pixel_accuracy": pixel_accuracy(totals),
            "class_accuracy": accuracies.nanmean(dim=-1),
            "class_accuracy_absent_as_zero": accuracies.nan_to_num(0).mean(dim=-1),
            "miou": ious.nanmean(dim=-1),
            "miou_absent_as_zero": ious.nan_to_num(0).mean(dim=-1),
            **{f"accuracy/{name}": accuracies[..., place] for place, name in enumerate(self.names)},
            **{f"iou/{name}": ious[..., place] for place, name in enumerate(self.names)},
        }
        return {f"{self.prefix}{name}": value for name, value in scores.items()}

    def images(self) -> dict[str, Tensor]:
        """See `HasImages`: scores of each image's own matrix; none where images are too many."""
        num = len(self.names)
        return self._scores(torch.cat(self._each).double().view(-1, num, num)) if self._each else {}

    def intervals(self) -> dict[str, Interval]:
        """See `HasIntervals`. Of classes that a resample lacks, the resamples count that have them."""
        num = len(self.names)
        if not (self._each and self.totals.sum()):
            return {}
        return sums_intervals(torch.cat(self._each), lambda sums: self._scores(sums.view(-1, num, num)))


@runtime_checkable
class HasConfusion(Protocol):
    """A metric that counts classes."""

    confusion: Confusion


class SegmentationScores:
    """Scores of images that show classes: a translation's pixels are of the class of the nearest colour.

    Args:
        classes: names and colours, as in the manifest.
        exact_colors: whether targets come in the colours that they were given. If not, as of a JPEG, what they were is
            unknown, and each pixel has the class of the nearest colour.
    """

    def __init__(self, classes: Sequence[ClassInfo], *, exact_colors: bool = True) -> None:
        self.colors = class_colors(classes)
        self.read_target = exact_class if exact_colors else nearest_class
        self.confusion = Confusion([info.name for info in classes])

    def update(self, fake_b: Tensor, real_b: Tensor) -> None:
        self.confusion.add(nearest_class(fake_b, self.colors), self.read_target(real_b, self.colors))

    def merge(self, world: World) -> None:
        self.confusion.merge(world)

    def compute(self) -> dict[str, float]:
        return self.confusion.compute()

    def images(self) -> dict[str, Tensor]:
        """See `HasImages`."""
        return self.confusion.images()

    def intervals(self) -> dict[str, Interval]:
        """See `HasIntervals`."""
        return self.confusion.intervals()


def make(view: ScoredView) -> SegmentationScores:
    """Make the scores of the classes that the view shows."""
    return SegmentationScores(view.classes, exact_colors=view.exact_colors)
