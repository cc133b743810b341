"""Makes the report's curves of the lines of metrics.jsonl: what is drawn together, and where each point lies."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from statistics import fmean, median
from typing import Any, TypeGuard

from sharding.console import counted, printable
from trainer.evaluation.scores import BASELINES, find, find_key
from trainer.reports.measured import grouped

WIDTH, HEIGHT = 1000, 300  # of the drawing, which the page stretches
LARGEST = 1e30
"""Of a value that is drawn or listed; the arithmetic of the axes stays finite."""
_MOST_CURVES = 200
_LONGEST_NAME = 100  # characters
_MOST_POINTS = 400
_FEWEST_TO_SMOOTH = 40
_SMOOTHING = 0.9  # weight of the past in a smoothed curve
_LARGEST_RATIO = 4.0  # between curves of one chart: beyond it, the lower one would look flat

_TITLES = {
    "throughput/images_per_s": "Throughput, images/s",
    "time/data_s": "Waiting for data, seconds an image",
    "time/processor_s": "Processor-seconds an image, all ranks",
    "lr": "Learning rate",
}
_NOISY = ("throughput/", "time/")

Point = tuple[float, float]
"""Thousands of images seen, value."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One line of a chart."""

    name: str
    points: list[Point]
    is_noisy: bool = False
    """Read at one step each, not over a whole split: the trend is what counts."""
    is_baseline: bool = False

    @property
    def smoothed(self) -> list[Point]:
        """The points, or their running mean where they are many and noisy."""
        return smooth(self.points) if self.is_noisy and len(self.points) >= _FEWEST_TO_SMOOTH else self.points


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Curves over one axis of images seen."""

    title: str
    curves: list[Curve]

    @cached_property
    def end(self) -> float:
        """The end of the x axis, which begins at 0: thousands of images."""
        return max(x for curve in self.curves for x, _ in curve.points) or 1.0

    @property
    def x_ticks(self) -> list[float]:
        """Round values up to the end."""
        return [tick for tick in round_ticks([0.0, self.end]) if tick <= self.end]

    @cached_property
    def y_ticks(self) -> list[float]:
        """Round values whose first and last enclose all points."""
        values = [y for curve in self.curves for _, y in curve.points]
        lowest, highest = min(values), max(values)
        if 0 < lowest < highest / 2:
            lowest = 0.0
        return round_ticks([lowest, highest])

    def path(self, points: Sequence[Point]) -> str:
        """The `d` of an SVG path over WIDTH x HEIGHT."""
        bottom, *_, top = self.y_ticks
        x_scale, y_scale = WIDTH / self.end, HEIGHT / (top - bottom)
        places = [f"{x * x_scale:.1f},{HEIGHT - (y - bottom) * y_scale:.1f}" for x, y in points]
        # A single point becomes a line of no length, which round ends make a dot.
        return "M" + "L".join(places if len(places) > 1 else places * 2)

    def colored(self) -> list[tuple[Curve, str]]:
        """Each curve with the page's name of its colour."""
        curves, baselines = count(), count()
        return [
            (curve, f"--b{next(baselines) % 2}" if curve.is_baseline else f"--c{next(curves) % 4}")
            for curve in self.curves
        ]

    def hover(self) -> dict[str, Any]:
        """What the page's script needs to show the values under the pointer."""
        return {
            "end": self.end,
            "curves": [{"name": curve.name, "points": _short(curve.smoothed)} for curve in self.curves],
        }


def _short(points: Sequence[Point]) -> list[Point]:
    """To five digits: the page shows four."""
    return [(float(f"{x:.5g}"), float(f"{y:.5g}")) for x, y in points]


def make_charts(metrics: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """Losses by player, scores with their baselines, then speed and the rest; nothing for values never logged."""
    points = {key: thin_out(found) for key, found in _collect(metrics).items()}
    losses = {key: points[key] for key in points if key.startswith("loss/")}
    scores = [key for key in points if key.startswith("eval/")]
    others = [key for key in points if key.split("/")[0] not in ("loss", "eval", "baseline", "alarm")]
    together = grouped(others)
    return [
        *_loss_charts(losses),
        *[_score_chart(key, points) for key in scores],
        *[_measured_chart(title, names, points) for title, names in together.items()],
        *[_plain_chart(key, points[key]) for key in others if not any(key in names for names in together.values())],
    ]


def left_out(metrics: Sequence[Mapping[str, Any]]) -> list[str]:
    """A note about what `make_charts` does not show, if anything."""
    keys = {key for line in metrics for key, value in line.items() if _is_drawn(key, value)}
    more = len(keys) - _MOST_CURVES
    of_all = f"of {len(keys)} values that were logged"
    return [f"{counted(more, f'{of_all} has', f'{of_all} have')} no curve."] if more > 0 else []


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is finite, and of a size that can be drawn."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def _is_drawn(key: str, value: object) -> bool:
    if key in ("position", "kimg", "time_s") or not is_number(value):
        return False
    return key.partition("/")[0] not in ("eval", "baseline") or find_key(key).is_followed


def _collect(metrics: Sequence[Mapping[str, Any]]) -> dict[str, list[Point]]:
    """The finite values of each key over thousands of images."""
    points: dict[str, list[Point]] = {}
    for line in metrics:
        for key, value in line.items():
            if _is_drawn(key, value) and (key in points or len(points) < _MOST_CURVES):
                points.setdefault(key, []).append((line["position"] / 1000, float(value)))
    return points


def _label(name: str) -> str:
    """A name from the file, as it is shown."""
    shown = printable(name)
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[:_LONGEST_NAME]}…"


def _loss_charts(losses: Mapping[str, list[Point]]) -> list[Chart]:
    """One for each player, or one for each of its losses if their sizes differ much."""
    players: dict[str, list[Curve]] = {}
    for key, points in losses.items():
        player, _, term = map(_label, key.removeprefix("loss/").partition("/"))
        players.setdefault(player, []).append(Curve(name=term or player, points=points, is_noisy=True))
    charts = []
    for player, curves in players.items():
        sizes = [median(abs(y) for _, y in curve.points) for curve in curves]
        if max(sizes) <= _LARGEST_RATIO * min(sizes):
            charts.append(Chart(title=f"Loss of the {player}", curves=curves))
        else:
            charts += [Chart(title=f"Loss of the {player}: {curve.name}", curves=[curve]) for curve in curves]
    return charts


def _score_chart(key: str, points: Mapping[str, list[Point]]) -> Chart:
    name = key.removeprefix("eval/")
    baselines = [
        Curve(name=title, points=points[f"{prefix}/{name}"], is_baseline=True)
        for prefix, title in BASELINES.items()
        if f"{prefix}/{name}" in points
    ]
    return Chart(title=find(name).chart_title, curves=[Curve(name="translation", points=points[key]), *baselines])


def _measured_chart(title: str, names: Mapping[str, str], points: Mapping[str, list[Point]]) -> Chart:
    curves = [Curve(name=_label(name), points=points[key], is_noisy=True) for key, name in names.items()]
    return Chart(title=_label(title), curves=curves)


def _plain_chart(key: str, points: list[Point]) -> Chart:
    curve = Curve(name=_label(key), points=points, is_noisy=key.startswith(_NOISY))
    return Chart(title=_TITLES.get(key, curve.name), curves=[curve])


def thin_out(points: list[Point]) -> list[Point]:
    """Keep at most 400 points: means of equally many neighbours."""
    size = math.ceil(len(points) / _MOST_POINTS)
    groups = (points[start : start + size] for start in range(0, len(points), size))
    return [(fmean(x for x, _ in group), fmean(y for _, y in group)) for group in groups]


def smooth(points: Sequence[Point]) -> list[Point]:
    """The exponential running mean of the values, without a bias towards the first."""
    total, weight, smoothed = 0.0, 0.0, []
    for x, y in points:
        total, weight = _SMOOTHING * total + y, _SMOOTHING * weight + 1
        smoothed.append((x, total / weight))
    return smoothed


def round_ticks(values: Sequence[float]) -> list[float]:
    """Round numbers, at least two, of which the first and last enclose the values."""
    lowest, highest = min(values), max(values)
    if lowest == highest:
        margin = abs(lowest) / 2 or 1.0
        lowest, highest = lowest - margin, highest + margin
    from matplotlib.ticker import MaxNLocator  # not above: a run that trains draws nothing for long

    return [float(tick) for tick in MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]).tick_values(lowest, highest)]
