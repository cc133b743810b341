"""What the page draws: where each trial's marks lie. The template turns places into SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sweeps.history import History, best_by_budget
from sweeps.page.axes import Axis, field_axis, score_axis
from sweeps.plan import Sweep
from sweeps.rows import TrialRow
from sweeps.table import short_names
from trainer.reports.charts import HEIGHT, WIDTH, Chart, Curve, thin_out

_MISSING = -0.1
"""Below the axes."""


@dataclass(frozen=True, kw_only=True)
class Parallel:
    """Parallel coordinates: an axis for each field that varies, then one for each score, the better end above."""

    axes: Sequence[Axis]
    places: Mapping[str, Sequence[float | None]]
    """Of each trial, along each axis; None where it has no value there."""


@dataclass(frozen=True, kw_only=True)
class Dots:
    """A dot for each trial over two axes."""

    x: Axis
    y: Axis
    places: Mapping[str, tuple[float, float]]
    front: frozenset[str] = frozenset()
    """Trials that none beats."""


def parallel(rows: Sequence[TrialRow], sweep: Sweep) -> Parallel:
    """The rows that have begun, by their last scores."""
    axes = {**_field_axes(sweep), **_score_axes(rows, sweep, is_flipped=True)}
    return Parallel(
        axes=list(axes.values()),
        places={row.trial: [axis.place(_value(row, key)) for key, axis in axes.items()] for row in rows},
    )


def slices(rows: Sequence[TrialRow], sweep: Sweep) -> list[Dots]:
    """For each field that varies, its value against the score; conditional ones over the trials that have them."""
    y = _score_axes(rows, sweep)[sweep.metric]
    return [dots for path, x in _field_axes(sweep).items() if (dots := _dots(rows, path, sweep.metric, x, y)).places]


def front(rows: Sequence[TrialRow], sweep: Sweep, best: Sequence[TrialRow]) -> Dots | None:
    """Both scores of each trial; None of a sweep by a single score."""
    if sweep.second_metric is None:
        return None
    axes = _score_axes(rows, sweep)
    keys = sweep.metric, sweep.second_metric
    dots = _dots(rows, *keys, axes[keys[0]], axes[keys[1]])
    return Dots(x=dots.x, y=dots.y, places=dots.places, front=frozenset(row.trial for row in best))


def curves(histories: Sequence[History], sweep: Sweep) -> list[Chart]:
    """Each score over a trial's length; curves are named by their trials."""
    found = []
    for key, score in sweep.objectives.items():
        points = {history.row.trial: _thousands(history.curve(key)) for history in histories}
        drawn = [Curve(name=trial, points=thin_out(curve)) for trial, curve in points.items() if curve]
        if drawn:
            title = f"{score.heading}, over kimg of the trial"
            found.append(Chart(title=title, curves=drawn))
    return found


def budget(histories: Sequence[History], sweep: Sweep, *, spent: int) -> Chart | None:
    """The best score so far, in steps, over what all trials cost together: images. None before the first score."""
    steps = best_by_budget(histories, sweep)
    if not steps:
        return None
    ends = [*(step.spent for step in steps[1:]), max(spent, steps[-1].spent)]
    points = [(x / 1000, step.score) for step, end in zip(steps, ends, strict=True) for x in (step.spent, end)]
    title = f"{sweep.score.heading}, best so far, over kimg of all trials"
    return Chart(title=title, curves=[Curve(name=steps[-1].trial, points=points)])


def _field_axes(sweep: Sweep) -> dict[str, Axis]:
    domains = sweep.search_space.domains
    names = short_names(domains)
    return {path: field_axis(path, domain, title=names[path]) for path, domain in domains.items()}


def _score_axes(rows: Sequence[TrialRow], sweep: Sweep, *, is_flipped: bool = False) -> dict[str, Axis]:
    return {
        key: score_axis(score, [row.scores[key] for row in rows if _value(row, key) is not None], is_flipped=is_flipped)
        for key, score in sweep.objectives.items()
    }


def _value(row: TrialRow, key: str) -> object:
    """What a trial changed at a path, or its score; none of one whose loss was not finite."""
    if key in row.overrides:
        return row.overrides[key]
    return row.scores.get(key) if row.is_valid else None


def _dots(rows: Sequence[TrialRow], x_key: str, y_key: str, x: Axis, y: Axis) -> Dots:
    found = {row.trial: (x.place(_value(row, x_key)), y.place(_value(row, y_key))) for row in rows}
    return Dots(x=x, y=y, places={trial: (a, b) for trial, (a, b) in found.items() if a is not None and b is not None})


def _thousands(curve: Sequence[tuple[int, float]]) -> list[tuple[float, float]]:
    return [(position / 1000, score) for position, score in curve]


def line_of(places: Sequence[float | None]) -> str:
    """The `d` of an SVG path through a trial's places on evenly spaced axes; what has none lies below them."""
    step = WIDTH / max(1, len(places) - 1)
    ends = [(number * step, _MISSING if place is None else place) for number, place in enumerate(places)]
    return "M" + "L".join(f"{x:.1f},{HEIGHT * (1 - place):.1f}" for x, place in ends)


def dot_at(place: tuple[float, float]) -> str:
    """The `d` of a path of no length, which round ends make a dot."""
    at = f"{WIDTH * place[0]:.1f},{HEIGHT * (1 - place[1]):.1f}"
    return f"M{at}L{at}"
