"""How the trials of a sweep stand, as Tune says it or as it is on record: rows, furthest and best first."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sweeps.plan import Sweep
from sweeps.records import Record, State, overrides_of
from sweeps.spaces.overrides import Overrides


class TuneTrial(Protocol):
    """What is read of a `ray.tune.experiment.Trial`."""

    trial_id: str
    status: str
    config: dict[str, Any]
    """`trial`: its name and overrides, of the sweep."""

    @property
    def last_result(self) -> dict[str, Any]: ...
    @property
    def num_failures(self) -> int: ...
    @property
    def error_file(self) -> str | None: ...


@dataclass(frozen=True, kw_only=True)
class TrialRow:
    """One trial."""

    trial: str
    state: State
    overrides: Mapping[str, Any]
    position: int
    """Images seen."""
    score: float | None
    """Of the sweep's metric at `position`; None before the first report, and after a loss that was not finite."""
    scores: Mapping[str, float]
    """All of that report."""
    num_restarts: int
    """After a rank died or failed."""
    error: str | None
    """Why the trial failed for good."""

    @property
    def is_valid(self) -> bool:
        return self.state not in ("failed", "diverged")

    @property
    def is_open(self) -> bool:
        """Whether it has not come to an end of any kind."""
        return self.state in ("waiting", "training")


def make_rows(
    trials: Iterable[TuneTrial], sweep: Sweep, *, before: Mapping[str, Record] | None = None
) -> list[TrialRow]:
    """All trials in the order of `rows_on_record`: as Tune has them, or else as they were before it began."""
    trials, overrides = list(trials), overrides_of(before or {}, sweep)
    overrides |= {trial_name(trial): trial.config["trial"]["overrides"] for trial in trials}
    records = records_now(trials, sweep, before=before or {})
    return _sorted([_row(name, record, overrides[name] or {}, sweep) for name, record in records.items()], sweep)


def records_now(trials: Iterable[TuneTrial], sweep: Sweep, *, before: Mapping[str, Record]) -> dict[str, Record]:
    """How trials stand, by name. In population-based training a trial is one of Tune's for each report."""
    records = dict(before)
    for trial in trials:
        records[trial_name(trial)] = record_of(trial, sweep, before=records.get(trial_name(trial), Record()))
    return records


def rows_on_record(records: Mapping[str, Record], sweep: Sweep) -> list[TrialRow]:
    """Those that went furthest first, and among them the best first; then those that have no valid score."""
    return make_rows((), sweep, before=records)


def _sorted(rows: list[TrialRow], sweep: Sweep) -> list[TrialRow]:
    """Where two scores decide, those that none beats are first."""
    front = {row.trial for row in pareto_front(rows, sweep)}
    return sorted(rows, key=lambda row: (row.trial not in front, *_rank(row, sweep)))


def _rank(row: TrialRow, sweep: Sweep) -> tuple[bool, int, float, str]:
    """Scores compare only at equal length: a trial that ASHA stopped was behind, whatever others reached later."""
    if not row.is_valid or row.score is None:
        return (True, 0, 0.0, row.trial)
    return (False, -_num_reports(row, sweep), -sweep.score.gain(row.score), row.trial)


def _row(name: str, record: Record, overrides: Overrides, sweep: Sweep) -> TrialRow:
    return TrialRow(
        trial=name,
        state=record.state,
        overrides=overrides,
        position=record.position,
        score=record.scores.get(sweep.metric),
        scores=record.scores,
        num_restarts=record.num_restarts,
        error=record.error,
    )


def trial_name(trial: TuneTrial) -> str:
    """A trial's name in the sweep; Tune has one of its own, another each time."""
    return trial.config["trial"]["name"]


def record_of(trial: TuneTrial, sweep: Sweep, *, before: Record) -> Record:
    """How a trial stands, which stood as `before` says when Tune began with it."""
    result = trial.last_result or {}
    failed = trial.status == "ERROR"
    position, scores = before.position, before.scores
    if "position" in result:
        position, scores = result["position"], reported_scores(result)
    elif trial.config["trial"]["position"] > position:  # it took over another's weights
        position, scores = trial.config["trial"]["position"], {}
    return Record(
        state=_state(trial.status, result, sweep),
        position=position,
        scores=scores,
        num_restarts=before.num_restarts + trial.num_failures - failed,
        error=_last_line(trial.error_file) if failed else None,
        overrides=trial.config["trial"]["overrides"] if sweep.algorithm in ("tpe", "pbt") else None,
    )


def reported_scores(result: Mapping[str, Any]) -> dict[str, float]:
    """Those of a trial's report that are finite."""
    return {
        key: value for key, value in result.items() if key.startswith(("eval/", "baseline/")) and math.isfinite(value)
    }


def _state(status: str, result: Mapping[str, Any], sweep: Sweep) -> State:
    if status == "ERROR":
        return "failed"
    if status == "RUNNING":
        return "training"
    if status != "TERMINATED":
        return "waiting"
    if result.get("diverged"):
        return "diverged"
    if result.get("position", 0) >= sweep.total:
        return "finished"
    return "waiting" if sweep.algorithm == "pbt" else "stopped early"  # for the others to come as far


def _last_line(path: str | None) -> str:
    lines = Path(path).read_text(errors="replace").strip().splitlines() if path and Path(path).is_file() else []
    return lines[-1].strip() if lines else "unknown"


def best_of(rows: list[TrialRow]) -> TrialRow | None:
    """The first of the rows with a valid score; None if there is none."""
    return next((row for row in rows if row.is_valid and row.score is not None), None)


def winners(rows: list[TrialRow], sweep: Sweep) -> list[TrialRow]:
    """The best; where two scores decide, all that none beats. Empty if none has a valid score."""
    if sweep.second_metric is not None:
        return pareto_front(rows, sweep)
    return [best for best in [best_of(rows)] if best is not None]


def pareto_front(rows: Iterable[TrialRow], sweep: Sweep) -> list[TrialRow]:
    """Those of the furthest trials that no other beats: better in one of the sweep's objectives, and worse in none.

    Of a sweep with one objective: its best, and what is exactly as good.

    Returns:
        Rows that have all of these scores, the best by the first of them first.
    """
    valid = [row for row in rows if row.is_valid and sweep.objectives.keys() <= row.scores.keys()]
    furthest = max((_num_reports(row, sweep) for row in valid), default=0)
    rivals = [(row, _gains(row, sweep)) for row in valid if _num_reports(row, sweep) == furthest]
    front = [(row, own) for row, own in rivals if not any(_dominates(other, own) for _, other in rivals)]
    return [row for row, _ in sorted(front, key=lambda entry: (*(-gain for gain in entry[1]), entry[0].trial))]


def _num_reports(row: TrialRow, sweep: Sweep) -> int:
    return row.position // sweep.report_period


def _gains(row: TrialRow, sweep: Sweep) -> tuple[float, ...]:
    return tuple(score.gain(row.scores[key]) for key, score in sweep.objectives.items())


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(mine >= its for mine, its in zip(one, other, strict=True))
