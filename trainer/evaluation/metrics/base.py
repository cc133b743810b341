"""The contract of a metric, and the mean over images that most of them are.

A metric is a module with `make(ScoredView)`, which gives a new `PairMetric` or `SetMetric`, and a row for each of its
scores in `trainer/evaluation/scores.py`, which names the module; of a metric of sets by an
encoder, the module has `make_floor`, too, which scores real images alone. A `BatchMetric` is made by a `Judge`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from sharding.format.manifest import ClassInfo
from trainer.data.batch import Batch
from trainer.evaluation.bootstrap import Interval, mean_interval
from trainer.evaluation.encoders.encoder import Encoder
from trainer.ranks.world import World


@dataclass(frozen=True, kw_only=True)
class ScoredView:
    """What a metric is told of the images that it will see."""

    eight_bits: bool
    """Whether its files have 8 bits: translations are then rounded as they would be written."""
    classes: Sequence[ClassInfo] = ()
    """That the view shows in flat colours; names and colours, as in the manifest."""
    exact_colors: bool = False
    """Whether targets come in the colours that they were given: one that is no class's is then no class."""
    border: int = 0
    """Pixels at each side that scores of images made larger leave out: as many as the factor."""
    encoder: Encoder | None = None
    """By whose features images are compared, too."""

    @property
    def encoder_names(self) -> tuple[str, ...]:
        """The encoders whose rows of the catalogue are meant, with that of those without one."""
        return ("",) if self.encoder is None else ("", self.encoder.name)


class Metric(Protocol):
    """Collects images, then gives one or more numbers."""

    def merge(self, world: World) -> None:
        """Take in what the other ranks collected; called once on every rank, after the last image.

        Afterwards `compute` gives the same on each: what one rank would have found that saw all images.
        """
        ...

    def compute(self) -> dict[str, float]:
        """The scores by name, e.g. `psnr`; a name whose value is undefined is left out."""
        ...


@runtime_checkable
class HasIntervals(Protocol):
    """A metric whose scores can be found of other images out of those that it saw."""

    def intervals(self) -> dict[str, Interval]:
        """By name, of those scores of `compute` that have one; called after `merge` and `compute`."""
        ...


@runtime_checkable
class HasImages(Protocol):
    """A metric some of whose scores each image has by itself."""

    def images(self) -> dict[str, Tensor]:
        """By name of the score, (N,) of all ranks' images in the order of ranks and batches, NaN where an image has
        none; called after `merge` and `compute`.
        """
        ...


class PairMetric(Metric, Protocol):
    """Compares each translated image with its own target."""

    def update(self, fake_b: Tensor, real_b: Tensor) -> None:
        """Take in (N, C, H, W) in [-1, 1] on one device, compared as the images that they become."""
        ...


class SetMetric(Metric, Protocol):
    """Compares all translated images with all targets: which belong together need not be known."""

    def update_fakes(self, images: Tensor) -> None:
        """Take in (N, C, H, W) in [-1, 1]."""
        ...

    def update_reals(self, images: Tensor) -> None:
        """Take in real images; there may be more or fewer of them than of the fakes."""
        ...


class BatchMetric(Metric, Protocol):
    """Judges each image by what else is known of its sample: its name, its labels, other views."""

    def update(self, images: Tensor, batch: Batch) -> None:
        """Take in (N, C, H, W) in [-1, 1], and the batch that they were made of, or belong to."""
        ...


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """New ones, which have seen nothing."""

    pairs: Sequence[PairMetric] = ()
    sets: Sequence[SetMetric] = ()
    batches: Sequence[BatchMetric] = ()

    @property
    def any(self) -> bool:
        """Whether there is one at all."""
        return bool(self.pairs or self.sets or self.batches)


class Judge(Protocol):
    """Makes metrics that were asked for, beside those of the catalogue that every run gets."""

    name: str
    rates_real: bool
    """Whether real images are scored by its metrics of batches, too, as the ceiling."""

    @property
    def note(self) -> str:
        """How its scores come about, for people."""
        ...

    def make(self) -> Metrics:
        """New ones, which have seen nothing; equal on all ranks."""
        ...


class ImageMean:
    """The mean over images of a number that each image has.

    Args:
        name: of the score.
        per_image: fake_b, real_b (N, C, H, W) in [-1, 1] -> (N,).
    """

    def __init__(self, name: str, per_image: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.name = name
        self.per_image = per_image
        self.totals = torch.zeros(2, dtype=torch.float64)
        """Sum, number of images: those of two disjoint sets of images add up to those of both."""
        self._values: list[Tensor] = []

    def update(self, fake_b: Tensor, real_b: Tensor) -> None:
        values = self.per_image(fake_b, real_b).double()
        self._values.append(values)
        self.totals = self.totals.to(values.device) + torch.stack(
            [values.sum(), torch.full_like(values.sum(), len(values))]
        )

    def merge(self, world: World) -> None:
        self.totals = world.sum(self.totals.to(world.device))
        own = [torch.cat(self._values).cpu()] if self._values else []
        self._values = [values for found in world.gather(own) for values in found]

    def compute(self) -> dict[str, float]:
        total, count = self.totals.tolist()
        return {self.name: total / count} if count else {}

    def images(self) -> dict[str, Tensor]:
        return {self.name: torch.cat(self._values)} if self._values else {}

    def intervals(self) -> dict[str, Interval]:
        found = mean_interval(torch.cat(self._values)) if self._values else None
        return {} if found is None else {self.name: found}
