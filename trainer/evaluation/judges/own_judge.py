"""Users' own functions as metrics: of pairs, one image at a time, or of sets."""

from collections import defaultdict

import numpy as np
import torch
from torch import Tensor

from sharding.format.manifest import View
from trainer.data.batch import Batch
from trainer.evaluation.bootstrap import Interval, mean_interval
from trainer.evaluation.judges.label_maps import Beside
from trainer.evaluation.judges.own_function import OwnFunction
from trainer.evaluation.metrics.base import Metrics
from trainer.pictures.stored import to_stored
from trainer.ranks.world import World


class OwnPairs:
    """The mean over images of what a function says of each and its target; of those where it says something.

    The function gets both as arrays (H, W, C) in the type and range of values that the target view stores, and a
    boolean (H, W), true where pixels count, if it has a parameter `mask` and there is a mask.
    """

    def __init__(self, function: OwnFunction, view: View, *, mask: Beside | None) -> None:
        self.function, self.view, self.mask = function, view, mask
        self.values: dict[str, list[float]] = defaultdict(list)

    def update(self, images: Tensor, batch: Batch) -> None:
        masks = self.mask.of(batch).cpu().numpy() if self.mask and self.function.takes_mask else None
        for place, (fake, real) in enumerate(zip(images, batch.b, strict=True)):
            named = {} if masks is None else {"mask": masks[place]}
            of = f"sample {batch.keys[place]!r}" if batch.keys else f"sample {batch.index[place]}"
            arrays = to_stored(fake, self.view), to_stored(real, self.view)
            for name, value in self.function(*arrays, of=of, **named).items():
                self.values[name].append(value)

    def merge(self, world: World) -> None:
        merged: dict[str, list[float]] = defaultdict(list)
        for found in world.gather(dict(self.values)):
            for name, values in found.items():
                merged[name] += values
        self.values = merged

    def compute(self) -> dict[str, float]:
        return {self.function.key(name): sum(values) / len(values) for name, values in self.values.items()}

    def intervals(self) -> dict[str, Interval]:
        """See `HasIntervals`."""
        found = {
            self.function.key(name): mean_interval(torch.tensor(each, dtype=torch.float64))
            for name, each in self.values.items()
        }
        return {key: ends for key, ends in found.items() if ends is not None}


class OwnSets:
    """What a function says of all images and all targets: two lists of arrays, which are kept in memory."""

    def __init__(self, function: OwnFunction, view: View) -> None:
        self.function, self.view = function, view
        self.fakes: list[np.ndarray] = []
        self.reals: list[np.ndarray] = []

    def update_fakes(self, images: Tensor) -> None:
        self.fakes += [to_stored(image, self.view) for image in images]

    def update_reals(self, images: Tensor) -> None:
        self.reals += [to_stored(image, self.view) for image in images]

    def merge(self, world: World) -> None:
        self.fakes = [image for part in world.gather(self.fakes) for image in part]
        self.reals = [image for part in world.gather(self.reals) for image in part]

    def compute(self) -> dict[str, float]:
        of = f"{len(self.fakes)} images and {len(self.reals)} real ones"
        scores = self.function(self.fakes, self.reals, of=of)
        return {self.function.key(name): value for name, value in scores.items()}


class OwnJudge:
    """Makes the metric of one function.

    Args:
        view: of the targets, as trained.
        of_sets: whether the function compares sets.
    """

    rates_real = False

    def __init__(self, function: OwnFunction, view: View, *, of_sets: bool, mask: Beside | None) -> None:
        self.function, self.view, self.of_sets, self.mask = function, view, of_sets, mask
        self.name = function.spec

    @property
    def note(self) -> str:
        """What was called, for people."""
        what = "all images and all real ones" if self.of_sets else "each image and its target"
        better = "more is better" if self.function.better == "higher" else "less is better"
        masked = ", within the mask" if self.mask and self.function.takes_mask and not self.of_sets else ""
        return f"{self.function.spec}: of {what}, as the data set stores them{masked}; {better}."

    def make(self) -> Metrics:
        """A new metric."""
        if self.of_sets:
            return Metrics(sets=[OwnSets(self.function, self.view)])
        return Metrics(batches=[OwnPairs(self.function, self.view, mask=self.mask)])
