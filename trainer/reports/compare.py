"""compare.html: several runs side by side: their translations of the same pictures, scores, cost, configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image

from sharding.storage.files import write_atomically
from trainer.config.errors import ConfigError
from trainer.evaluation.comparison import ScoreRow
from trainer.monitoring.metrics_file import read_metrics
from trainer.reports.numbers import numbers, show_duration
from trainer.reports.page import Evaluation, find_template, read_evaluations
from trainer.reports.pictures import Picture, UnusablePictureError, embed, encoded, find_grids
from trainer.runs.config import flatten
from trainer.runs.rundir import RunDir

MOST_BYTES = 10_000_000
"""Of the page."""


@dataclass(frozen=True, kw_only=True)
class ComparedRun:
    """One run on the page."""

    name: str
    run: RunDir
    record: Mapping[str, Any]
    evaluations: Mapping[str, Evaluation]
    time_s: float | None
    images_per_s: float | None
    position: int
    pictures: Sequence[Picture]
    """Its translations of the inputs, in their order; without inputs its newest sample grid, if there is one."""

    @property
    def time(self) -> str:
        """h:mm:ss, or a dash."""
        return "-" if self.time_s is None else show_duration(self.time_s)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A score of one run."""

    value: str
    interval: str
    is_best: bool


def open_compared(name: str, run: RunDir, translations: Sequence[Image.Image] | None) -> ComparedRun:
    """What the page tells of a run. Raises ConfigError if its files are damaged."""
    metrics = read_metrics(run.metrics_file)
    evaluations, _ = read_evaluations(run)
    times, speeds = numbers(metrics, "time_s"), numbers(metrics, "throughput/images_per_s")
    return ComparedRun(
        name=name,
        run=run,
        record=run.record(),
        evaluations={entry.split: entry for entry in evaluations},
        time_s=max(times, default=None),
        images_per_s=median(speeds) if speeds else None,
        position=max([line["position"] for line in metrics] + [entry.position for entry in evaluations], default=0),
        pictures=_grid(run) if translations is None else [encoded(each, position=0) for each in translations],
    )


def _grid(run: RunDir) -> list[Picture]:
    try:
        return [embed(path, position=int(path.stem)) for path in find_grids(run)[-1:]]
    except UnusablePictureError:
        return []


def write_comparison(
    path: Path, runs: Sequence[ComparedRun], *, inputs: Sequence[Picture], notes: Sequence[str] = ()
) -> None:
    """Write the page, whole or not at all.

    Raises:
        ConfigError: it would have more than `MOST_BYTES`.
        OSError: it cannot be written.
    """
    split = common_split(runs)
    page = find_template("compare.html").render(
        runs=runs,
        inputs=inputs,
        notes=notes,
        split=split,
        scores=score_table(runs, split) if split else [],
        differences=differences(runs),
    )
    if len(page.encode()) > MOST_BYTES:
        raise ConfigError("num", len(inputs), f"makes a page of {len(page) / 1e6:.0f} MB; use fewer pictures.")
    write_atomically(path, page.encode())


def common_split(runs: Sequence[ComparedRun]) -> str | None:
    """The split that most runs are scored on; test before others."""
    splits = {split for run in runs for split in run.evaluations}
    return max(
        splits, key=lambda split: (sum(split in run.evaluations for run in runs), split == "test", split), default=None
    )


def score_table(runs: Sequence[ComparedRun], split: str) -> list[tuple[str, list[Cell | None]]]:
    """A row for each score: its title, and a cell for each run, None where it has no such score."""
    rows = [{row.name: row for row in run.evaluations[split].rows} if split in run.evaluations else {} for run in runs]
    names = dict.fromkeys(name for of_run in rows for name in of_run)
    return [(_any(rows, name).title, _cells([of_run.get(name) for of_run in rows])) for name in names]


def _any(rows: Sequence[Mapping[str, ScoreRow]], name: str) -> ScoreRow:
    return next(of_run[name] for of_run in rows if name in of_run)


def _cells(rows: Sequence[ScoreRow | None]) -> list[Cell | None]:
    there = [row for row in rows if row is not None]
    sign = -1 if there[0].score.better == "lower" else 1
    best = max(sign * row.translation for row in there)
    return [
        None
        if row is None
        else Cell(
            value=row.show(row.translation),
            interval=row.show_interval(),
            is_best=len(there) > 1 and sign * row.translation == best,
        )
        for row in rows
    ]


def differences(runs: Sequence[ComparedRun]) -> list[tuple[str, list[str]]]:
    """Fields of the configuration in which the runs are not alike; a dash where a run has no such field."""
    configs = [flatten(run.record["config"]) for run in runs]
    names = dict.fromkeys(name for config in configs for name in config)
    found = [(name, [str(config[name]) if name in config else "-" for config in configs]) for name in names]
    return [(name, values) for name, values in found if len(set(values)) > 1]
