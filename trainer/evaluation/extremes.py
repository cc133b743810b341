"""The images of a split that a run does worst and best, by each score that every image has.

Imports no torch.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer.evaluation.scores import find_key

NUM = 8
"""Worst images that are kept of a score, and best ones: half of the images of a small split each."""


ENDS = ("worst", "best")
"""Of the list of all images, as in the names of their pictures."""
_MOST_DRAWN = 4
"""Of each end."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One image of a split, and what it scored."""

    key: str
    """Name of its sample."""
    place: int
    """In the stored order of the split: `split_images` gives it by that."""
    value: float


@dataclass(frozen=True, kw_only=True)
class Extremes:
    """The ends of the list of all images, from their end on: the very worst and the very best come first."""

    worst: tuple[Case, ...]
    best: tuple[Case, ...]

    @property
    def places(self) -> list[int]:
        """Of all of them, in order."""
        return sorted(case.place for case in (*self.worst, *self.best))


def find_extremes(
    values: Mapping[str, Sequence[float]], samples: Sequence[tuple[str, int]], *, num: int = NUM
) -> dict[str, Extremes]:
    """The worst and best `num` of each score; no image is both. Which way is better, the catalogue says.

    Args:
        values: score by key (`eval/psnr`) -> one number an image; NaN where an image has none.
        samples: name and place of each image, in the same order.

    Returns:
        By key of the score; not of details, of which there may be one for each class.
    """
    found = {}
    for key, numbers in values.items():
        score = find_key(key)
        cases = [
            Case(key=name, place=place, value=value)
            for (name, place), value in zip(samples, numbers, strict=True)
            if math.isfinite(value)
        ]
        if score.is_detail or not cases:
            continue
        cases.sort(key=lambda case: (score.gain(case.value), case.place))
        num_worst, num_best = min(num, (len(cases) + 1) // 2), min(num, len(cases) // 2)
        best = cases[len(cases) - num_best :]
        found[key] = Extremes(worst=tuple(cases[:num_worst]), best=tuple(best[::-1]))
    return found


def write_extremes(extremes: Mapping[str, Extremes]) -> dict[str, Any]:
    """As evaluation.json has them, in the entry `extremes` of a split."""
    return {key: asdict(each) for key, each in extremes.items()}


def read_extremes(entry: Mapping[str, Any]) -> dict[str, Extremes]:
    """Those of an entry of evaluation.json that has been checked; none in files of earlier versions."""
    return {
        key: Extremes(
            worst=tuple(Case(**case) for case in ends["worst"]),
            best=tuple(Case(**case) for case in ends["best"]),
        )
        for key, ends in (entry.get("extremes") or {}).items()
    }


def chief(extremes: Mapping[str, Extremes], *, wanted: str | None = None) -> str | None:
    """The score by which a run's images are shown, worst and best: `wanted` if there is one, else the first headline
    of the catalogue, else the first at all; None where no image has a score by itself.
    """
    if wanted in extremes:
        return wanted
    headlines = [key for key in extremes if find_key(key).is_headline]
    return next(iter([*headlines, *extremes]), None)


def drawn_cases(extremes: Mapping[str, Extremes], *, wanted: str | None) -> tuple[str, dict[str, tuple[Case, ...]]]:
    """The `chief` score, and by each of `ENDS` the images that there is a picture of; empty where none has one."""
    key = chief(extremes, wanted=wanted)
    if key is None:
        return "", {}
    found = {end: getattr(extremes[key], end)[:_MOST_DRAWN] for end in ENDS}
    return key, {end: cases for end, cases in found.items() if cases}


def case_picture(beside: Path, end: str) -> Path:
    """`evaluation.png` has `evaluation-worst.png` and `evaluation-best.png` beside it."""
    return beside.with_name(f"{beside.stem}-{end}.png")
