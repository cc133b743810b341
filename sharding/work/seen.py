"""What the pictures of a data set turned out to show while they were encoded: values, and classes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sharding.errors import DatasetError
from sharding.format.manifest import ClassInfo, View

_LEAST_SHARE = 1 / 16
"""Of a range of values: what uses no more of it leaves a network few steps to tell things by."""
_MOST_CLASSES = 20
"""Classes whose shares are told one by one."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one view showed."""

    low: float
    high: float
    classes: list[int] = field(default_factory=list)
    """Pixels of each class, then those of none; empty where the view shows no classes."""

    def with_more(self, other: "Seen") -> "Seen":
        """Both together."""
        classes = [one + more for one, more in zip(self.classes, other.classes, strict=True)]
        return Seen(low=min(self.low, other.low), high=max(self.high, other.high), classes=classes)


def look_at(pixels: np.ndarray, *, view: View, classes: Sequence[ClassInfo]) -> Seen:
    """What stored pixels (H, W, C) show; `classes` is empty unless the view shows them."""
    low, high = float(pixels.min()), float(pixels.max())
    if not classes:
        return Seen(low=low, high=high)
    if view.content == "classes":
        counts = np.bincount(pixels.ravel(), minlength=len(classes))[: len(classes)].tolist()
    else:
        codes, numbers = np.unique(pixels.astype(np.int32) @ _POWERS, return_counts=True)
        found = dict(zip(codes.tolist(), numbers.tolist(), strict=True))
        counts = [found.get(int(np.array(info.color) @ _POWERS), 0) for info in classes]
    rest = pixels.shape[0] * pixels.shape[1] - sum(counts)
    return Seen(low=low, high=high, classes=[*counts, rest])


_POWERS = np.array([1 << 16, 1 << 8, 1], np.int32)


def merge_seen(parts: Iterator[Mapping[str, Seen]]) -> dict[str, Seen]:
    """What, by view, all parts of a data set showed."""
    total: dict[str, Seen] = {}
    for part in parts:
        for name, seen in part.items():
            total[name] = total[name].with_more(seen) if name in total else seen
    return total


def check_seen(seen: Mapping[str, Seen], *, views: Mapping[str, View], classes: Sequence[ClassInfo]) -> list[str]:
    """What people should know of it, line by line.

    Raises:
        DatasetError: class numbers hold one class at the most, of which nothing can be learnt.
    """
    notes = []
    for name, found in seen.items():
        if found.classes:
            notes += _class_notes(name, found, view=views[name], classes=classes)
        else:
            notes += _value_notes(name, found, view=views[name])
    return notes


def _value_notes(name: str, found: Seen, *, view: View) -> Iterator[str]:
    low, high = view.value_range
    values = f"The values of view {name!r} go from {found.low:g} to {found.high:g}, where its range is {low:g}:{high:g}"
    remedy = f"Give --value-range {name}=auto, or {name}={found.low:g}:{found.high:g}"
    if found.high <= low or found.low >= high:
        yield f"{values}: all look alike in training. {remedy}, unless this is meant."
    elif min(found.high, high) - max(found.low, low) <= (high - low) * _LEAST_SHARE:
        yield f"{values}: they use a small part of it. {remedy}, unless this is meant."
    elif found.low < low or found.high > high:
        yield f"{values}: what is beyond is cut in training."


def _class_notes(name: str, found: Seen, *, view: View, classes: Sequence[ClassInfo]) -> Iterator[str]:
    *counts, rest = found.classes
    total = sum(found.classes)
    titles = [info.name for info in classes]
    absent = [title for title, count in zip(titles, counts, strict=True) if not count]
    if len(classes) > 1 and len(absent) > len(classes) - 2 and view.content == "classes":
        raise DatasetError(
            f"View {name!r} shows {', '.join(set(titles) - set(absent)) or 'no class'} and never "
            f"{', '.join(absent)}; {rest / total:.1%} of its pixels hold 255, which is no class. Save the numbers 0 to "
            f"{len(classes) - 1}, or give the files' colours: --classes-as colors --classes name=#rrggbb,..."
        )
    shares = [f"{title} {count / total:.1%}" for title, count in zip(titles, counts, strict=True) if count]
    more = ", ..." if len(shares) > _MOST_CLASSES else ""
    yield f"View {name!r} shows {', '.join(shares[:_MOST_CLASSES])}{more}; of no class {rest / total:.1%}."
    if absent:
        listed = ", ".join(absent[:_MOST_CLASSES]) + (", ..." if len(absent) > _MOST_CLASSES else "")
        yield f"View {name!r} never shows {listed}: check --classes."
