"""How a sweep stands, and how it ended: rows, the table on the console, report.json and report.md."""

import json
import math
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from rich import box
from rich.table import Table
from rich.text import Text

from sharding.console import command_line, markdown_table, markdown_text, printable
from sharding.storage.files import write_atomically
from sweeps.plan import Sweep, SweepDir
from sweeps.records import Record, State
from sweeps.spaces.overrides import Overrides, as_flags
from sweeps.trials import full_overrides, length_note

_STYLES = {
    "finished": "green",
    "training": "cyan",
    "stopped early": "yellow",
    "diverged": "red",
    "failed": "red",
    "waiting": "dim",
}


class TuneTrial(Protocol):
    """What is read of a `ray.tune.experiment.Trial`."""

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


def make_rows(
    trials: Iterable[TuneTrial], sweep: Sweep, *, before: Mapping[str, Record] | None = None
) -> list[TrialRow]:
    """All trials in the order of `rows_on_record`: as Tune has them, or else as they were before it began."""
    records = dict(before or {})
    overrides: dict[str, Overrides] = dict(sweep.trials())
    for trial in trials:
        name = trial_name(trial)
        records[name] = record_of(trial, sweep, before=records.get(name, Record()))
        overrides[name] = trial.config["trial"]["overrides"]
    return _sorted([_row(name, record, overrides[name], sweep) for name, record in records.items()], sweep)


def rows_on_record(records: Mapping[str, Record], sweep: Sweep) -> list[TrialRow]:
    """Those that went furthest first, and among them the best first; then those that have no valid score."""
    return make_rows((), sweep, before=records)


def _sorted(rows: list[TrialRow], sweep: Sweep) -> list[TrialRow]:
    return sorted(rows, key=lambda row: _rank(row, sweep))


def _rank(row: TrialRow, sweep: Sweep) -> tuple[bool, int, float, str]:
    """Scores compare only at equal length: a trial that ASHA stopped was behind, whatever others reached later."""
    if not row.is_valid or row.score is None:
        return (True, 0, 0.0, row.trial)
    return (False, -(row.position // sweep.report_period), -sweep.score.gain(row.score), row.trial)


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
    position, scores = (
        (result["position"], _scores(result)) if "position" in result else (before.position, before.scores)
    )
    return Record(
        state=_state(trial.status, result, sweep.total),
        position=position,
        scores=scores,
        num_restarts=before.num_restarts + trial.num_failures - failed,
        error=_last_line(trial.error_file) if failed else None,
    )


def _scores(result: Mapping[str, Any]) -> dict[str, float]:
    return {
        key: value for key, value in result.items() if key.startswith(("eval/", "baseline/")) and math.isfinite(value)
    }


def _state(status: str, result: Mapping[str, Any], total: int) -> State:
    if status == "ERROR":
        return "failed"
    if status == "RUNNING":
        return "training"
    if status != "TERMINATED":
        return "waiting"
    if result.get("diverged"):
        return "diverged"
    return "finished" if result.get("position", 0) >= total else "stopped early"


def _last_line(path: str | None) -> str:
    lines = Path(path).read_text(errors="replace").strip().splitlines() if path and Path(path).is_file() else []
    return lines[-1].strip() if lines else "unknown"


def make_table(rows: Iterable[TrialRow], sweep: Sweep, *, title: str) -> Table:
    """Rows for the console."""
    table = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("trial", *(short_name(path) for path in sweep.search_space)):
        table.add_column(name, no_wrap=True)
    for name in ("kimg", _metric_name(sweep)):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("")
    for row in rows:
        table.add_row(
            row.trial,
            *(Text(show_value(value)) for value in row.overrides.values()),
            f"{row.position / 1000:.3g}",
            sweep.score.show(row.score),
            Text(describe_state(row), style=_STYLES[row.state]),
        )
    return table


def describe_state(row: TrialRow) -> str:
    """The state, and how often the trial had to be started again."""
    times = "once" if row.num_restarts == 1 else f"{row.num_restarts} times"
    return f"{row.state}, restarted {times}" if row.num_restarts else row.state


def show_value(value: object) -> str:
    """Four digits of a number are enough to tell trials apart; report.json has all."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def short_name(path: str) -> str:
    """`method.weight_l1` -> `weight_l1`."""
    return path.rpartition(".")[2]


def _metric_name(sweep: Sweep) -> str:
    return sweep.metric.removeprefix("eval/")


def best_of(rows: list[TrialRow]) -> TrialRow | None:
    """The first of the rows with a valid score; None if there is none."""
    return next((row for row in rows if row.is_valid and row.score is not None), None)


def full_command(sweep: Sweep, best: TrialRow) -> str:
    """The command that trains the best trial's configuration, without what made trials small."""
    return command_line("diptych", "train", sweep.preset, *as_flags(full_overrides(sweep, best.overrides)))


def write_report(folder: SweepDir, sweep: Sweep, rows: list[TrialRow]) -> None:
    """Write report.json and report.md."""
    best = best_of(rows)
    report = {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "preset": sweep.preset,
        "space": sweep.space,
        "metric": sweep.metric,
        "better": sweep.score.better,
        "total_images": sweep.total,
        "best": best and {"trial": best.trial, "overrides": best.overrides, "command": full_command(sweep, best)},
        "trials": [asdict(row) | {"run": str(folder.run(row.trial).path.relative_to(folder.path))} for row in rows],
    }
    write_atomically(folder.report_json, json.dumps(report, indent=1, allow_nan=False).encode())
    write_atomically(folder.report_markdown, printable(_markdown(folder, sweep, rows)).encode())


def _markdown(folder: SweepDir, sweep: Sweep, rows: list[TrialRow]) -> str:
    names = ["trial", *(short_name(path) for path in sweep.search_space), "kimg", _metric_name(sweep), "state"]
    lines = [f"# Sweep {markdown_text(folder.path.name)}", ""]
    preset, space, metric = map(markdown_text, (sweep.preset, sweep.space, sweep.metric))
    direction = " (less is better)" if sweep.score.better == "lower" else ""
    lines += [f"Preset {preset}, space {space}, furthest and best validation {metric}{direction} first.", ""]
    lines += markdown_table(names, [_cells(row, sweep) for row in rows])
    lines += ["\n" + markdown_text(f"Trial {row.trial} failed: {row.error}") for row in rows if row.error]
    best = best_of(rows)
    if best is not None:
        command = textwrap.indent(printable(full_command(sweep, best)), "    ")
        lines += ["", f"Train the best, {markdown_text(best.trial)}, in full:", "", command]
        lines += ["\n" + markdown_text(note) for note in [length_note(sweep)] if note]
    return "\n".join(lines) + "\n"


def _cells(row: TrialRow, sweep: Sweep) -> list[str]:
    values = [show_value(value) for value in row.overrides.values()]
    return [row.trial, *values, f"{row.position / 1000:.2f}", sweep.score.show(row.score), describe_state(row)]
