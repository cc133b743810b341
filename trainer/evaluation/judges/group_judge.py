"""Scores of each group of a split's images: of each value of a label."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from trainer.data.batch import Batch
from trainer.data.loader import open_readers
from trainer.data.subject import Subject
from trainer.evaluation.bootstrap import Interval
from trainer.evaluation.metrics.base import HasIntervals, Metrics
from trainer.ranks.world import World

_KEY = re.compile(r"(?P<who>.+)/@(?P<value>\d+)@(?P<name>.+)")
_COUNT = "num_images"


class GroupScores:
    """The metrics of pairs and batches, once for each group.

    Args:
        group_of: name of a sample -> number of its group.
        make: new metrics of one group.
    """

    def __init__(self, group_of: Mapping[str, int], names: Sequence[str], make: Callable[[], Metrics]) -> None:
        self.group_of = group_of
        self.metrics = [make() for _ in names]
        self.counts = [0 for _ in names]

    def update(self, images: Tensor, batch: Batch) -> None:
        for place, key in enumerate(batch.keys):
            group, image, row = self.group_of[key], images[place : place + 1], batch.row(place)
            self.counts[group] += 1
            for metric in self.metrics[group].pairs:
                metric.update(image, row.b)
            for metric in self.metrics[group].batches:
                metric.update(image, row)

    def merge(self, world: World) -> None:
        self.counts = [sum(counts) for counts in zip(*world.gather(self.counts), strict=True)]
        for group in self.metrics:
            for metric in (*group.pairs, *group.batches):
                metric.merge(world)

    def compute(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for number, (group, count) in enumerate(zip(self.metrics, self.counts, strict=True)):
            if count:
                scores: dict[str, float] = {_COUNT: count}
                for metric in (*group.pairs, *group.batches):
                    scores |= metric.compute()
                found |= {f"@{number}@{name}": value for name, value in scores.items()}
        return found

    def intervals(self) -> dict[str, Interval]:
        """See `HasIntervals`: each of the images of one group."""
        found: dict[str, Interval] = {}
        for number, group in enumerate(self.metrics):
            for metric in (*group.pairs, *group.batches):
                if isinstance(metric, HasIntervals):
                    found |= {f"@{number}@{name}": ends for name, ends in metric.intervals().items()}
        return found


class GroupJudge:
    """Makes `GroupScores`; which group a sample belongs to is read from its label, in any view.

    Args:
        label: of the data set; of unpaired images those of views a.
        make: new metrics of one group.
    """

    rates_real = False

    def __init__(self, subject: Subject, *, label: str, split: str, make: Callable[[], Metrics]) -> None:
        self.label = label
        self.names = subject.manifest.labels[label].names
        self.name = f"by {label}"
        self._group_of = _groups(subject, label=label, split=split)
        self._make = make

    @property
    def note(self) -> str:
        """What the tables are of, for people."""
        return f"By {self.label}: each score over the images of that value alone; a group of few images says little."

    def make(self) -> Metrics:
        """New scores of each group."""
        return Metrics(batches=[GroupScores(self._group_of, self.names, self._make)])


def take_groups(
    scores: dict[str, float], intervals: dict[str, Interval], names: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Take the scores of groups, and their intervals, out of all others.

    Returns:
        By the value of the label: `num_images`, `scores` by key, and `intervals` of those that have one.
    """
    groups: dict[str, dict[str, Any]] = {}
    for key in [*scores]:
        if match := _KEY.fullmatch(key):
            value = scores.pop(key)
            group = groups.setdefault(names[int(match["value"])], {_COUNT: 0, "scores": {}, "intervals": {}})
            if match["name"] == _COUNT:
                group[_COUNT] = int(value)
            else:
                plain = f"{match['who']}/{match['name']}"
                group["scores"][plain] = value
                if key in intervals:
                    group["intervals"][plain] = intervals.pop(key)
    return groups


def _groups(subject: Subject, *, label: str, split: str) -> dict[str, int]:
    """Name of a sample -> number of the label's value."""
    labelled = replace(subject, data=replace(subject.data, label=label))
    pairing = "single" if subject.pairing == "single" else "paired"
    (reader, *_) = open_readers(labelled, split=split, pairing=pairing, labels=(label,))
    try:
        places = [(shard, index) for shard, size in enumerate(reader.shard_sizes) for index in range(size)]
        return {reader.key(*place): reader.labels(*place)[0] for place in places}
    finally:
        reader.close()
