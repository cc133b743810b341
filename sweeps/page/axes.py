"""Axes of the page's plots: where a value lies, and what is written beside it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sweeps.table import show_value
from trainer.config.domains import Choice, Domain, LogUniform, Reals
from trainer.evaluation.score import Score
from trainer.reports.charts import is_number, round_ticks

_MOST_TICKS = 7
_LONGEST_LABEL = 24  # characters


@dataclass(frozen=True)
class Tick:
    """A label at a place from 0, the lower end, to 1."""

    place: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What one field, or one score, is drawn along."""

    title: str
    note: str = ""
    """Whole name, or unit."""
    low: float = 0.0
    high: float = 1.0
    is_log: bool = False
    is_flipped: bool = False
    """The smallest value is at the upper end: of it less is better."""
    choices: tuple[Any, ...] = ()
    """Evenly spaced in place of numbers."""
    ticks: Sequence[Tick] = ()

    def place(self, value: Any) -> float | None:
        """From 0 to 1; None of what has no place: no value, or another than the axis is for."""
        if self.choices:
            return _slot(self.choices.index(value), self.choices) if value in self.choices else None
        if not is_number(value) or (self.is_log and value <= 0):
            return None
        low, high, value = (math.log(x) if self.is_log else x for x in (self.low, self.high, value))
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        return 1 - share if self.is_flipped else share


def field_axis(path: str, domain: Domain, *, title: str) -> Axis:
    """The axis of a field that varies: over its whole domain."""
    if isinstance(domain, Choice):
        values = domain.values
        ticks = [Tick(_slot(number, values), _cut(show_value(value))) for number, value in enumerate(values)]
        return Axis(title=title, note=path, choices=values, ticks=_thinned(ticks))
    low, high = (float(end) for end in domain.extremes)
    is_log = isinstance(domain, LogUniform)
    axis = Axis(title=title, note=path, low=low, high=high, is_log=is_log)
    inner = _powers(low, high) if is_log else [x for x in round_ticks([low, high]) if low <= x <= high]
    if not isinstance(domain, Reals):  # whole numbers
        inner = [x for x in inner if x == int(x)]
    return _with_ticks(axis, inner if len(inner) > 1 else [low, high])


def score_axis(score: Score, values: Sequence[float], *, is_flipped: bool = False) -> Axis:
    """The axis of a score, whose ends enclose the values.

    Args:
        is_flipped: whether the better end is the upper one in any case.
    """
    ticks = round_ticks(values or [0.0, 1.0])
    flip = is_flipped and score.better == "lower"
    axis = Axis(title=score.title, note=score.unit, low=ticks[0], high=ticks[-1], is_flipped=flip)
    return _with_ticks(axis, ticks)


def _with_ticks(axis: Axis, values: Sequence[float]) -> Axis:
    ticks = [Tick(place, f"{value:.4g}") for value in values if (place := axis.place(value)) is not None]
    return replace(axis, ticks=_thinned(ticks))


def _slot(number: int, choices: Sequence[Any]) -> float:
    return (number + 0.5) / len(choices)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…"


def _thinned(ticks: Sequence[Tick]) -> Sequence[Tick]:
    return ticks[:: -(-len(ticks) // _MOST_TICKS) or 1]


def _powers(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten within the range; powers alone where it is wide."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1,) if math.log10(high / low) > 2.5 else (1, 2, 5)
    return [x for decade in decades for step in steps if low <= (x := float(f"{step}e{decade}")) <= high]
