"""report.html: one page about a run, complete in itself, that opens anywhere without a network."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import jinja2

from sharding.console import command_line, counted, printable
from sharding.storage.files import write_atomically
from trainer.evaluation.comparison import ScoreRow, compare
from trainer.evaluation.confusion_pictures import TITLES
from trainer.evaluation.group_tables import GroupTable, group_tables
from trainer.monitoring.metrics_file import read_metrics
from trainer.reports.charts import HEIGHT, LARGEST, WIDTH, is_number, left_out, make_charts
from trainer.reports.noticed import noticed
from trainer.reports.pictures import Picture, UnusablePictureError, choose_grids, embed
from trainer.runs.config import flatten
from trainer.runs.rundir import RunDir

_LONGEST_TEXT = 20_000  # characters of one value
_LONGEST_TIME_S = 10**9
_MOST_VERSIONS = 100
_MOST_SPLITS = 8
_MOST_SCORES = 2000
"""Of one split and its baselines: those of 255 classes have their place."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The scores of one split."""

    split: str
    position: int
    num_images: int
    rows: list[ScoreRow]
    notes: list[str]
    """How scores came about."""
    groups: list[GroupTable]

    @property
    def has_lower(self) -> bool:
        """Whether less is better of one of the scores."""
        return any(row.score.better == "lower" for row in self.rows)

    @property
    def has_real(self) -> bool:
        """Whether real images have a score that says how high any could be."""
        return any(row.real is not None for row in self.rows)


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A number that the page shows large."""

    label: str
    value: str
    note: str = ""


def write_report(run: RunDir) -> None:
    """Write report.html from whatever the run has so far.

    Raises:
        ConfigError: the folder is no run.
    """
    write_atomically(run.report_file, render_report(run).encode())


def check_report(run: RunDir) -> None:
    """Asked before long work, at whose end the report is. Raises ConfigError if the run's files do not do for one."""
    run.config()
    run.evaluations()
    run.early_stop()
    read_metrics(run.metrics_file)


def render_report(run: RunDir) -> str:
    """The page. A run that has only begun gives a page that says so."""
    record, metrics = run.record(), read_metrics(run.metrics_file)
    evaluations, notes = read_evaluations(run)
    position = max([line["position"] for line in metrics] + [entry.position for entry in evaluations], default=0)
    total = run.config().train.total_images
    charts = make_charts(metrics)
    notes += left_out(metrics)
    comparison, confusions, grids = _pictures(run, position=position, notes=notes)
    return find_template("page.html").render(
        run=run,
        record=record,
        versions=dict(list(record["versions"].items())[:_MOST_VERSIONS]),
        command=command_line(*record["command"]),
        commands=_commands(run),
        started=datetime.fromisoformat(record["started"]).strftime("%d %B %Y, %H:%M %Z"),
        position=position,
        total=total,
        early_stop=run.early_stop(),
        tiles=_tiles(metrics, evaluations, position=position, total=total),
        evaluations=evaluations,
        comparison=comparison,
        confusions=confusions,
        noticed=noticed(metrics),
        charts=charts,
        hover=[chart.hover() for chart in charts],
        chart_size=(WIDTH, HEIGHT),
        grids=grids,
        settings=list(flatten(record["config"]).items()),
        notes=notes,
    )


def find_template(name: str, *, folder: Path | None = None) -> jinja2.Template:
    """A page to be. Names, paths and numbers of the run are text on it, as on a terminal.

    Args:
        folder: where it lies, if not here; it may include what lies here.
    """
    own = Path(__file__).parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([own] if folder is None else [folder, own]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
    )
    return environment.get_template(name)


def _shown(value: Any) -> Any:
    if isinstance(value, jinja2.Undefined) or hasattr(value, "__html__"):  # our own pictures and figures
        return value
    text = printable(str(value))
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


def _commands(run: RunDir) -> dict[str, str]:
    """Commands to copy."""
    return {
        "evaluate": command_line("diptych", "evaluate", run.path),
        "evaluate val": command_line("diptych", "evaluate", run.path, "--split", "val"),
        "resume": command_line("diptych", "train", "--resume", run.path),
        "translate": command_line("diptych", "translate", run.path, "--in", "FOLDER", "--out", "FOLDER"),
    }


def _pictures(
    run: RunDir, *, position: int, notes: list[str]
) -> tuple[Picture | None, dict[str, Picture], list[Picture]]:
    """The evaluated images, if any, confusion matrices by heading, the sample grids; the notes get what is unusable."""

    def try_embed(path: Path, position: int) -> Picture | None:
        try:
            return embed(path, position=position)
        except UnusablePictureError as error:
            notes.append(f"{path.relative_to(run.path)} {error}.")
            return None

    if run.samples.is_symlink():
        notes.append(f"{run.samples.name} is a link, which is not followed.")
    comparison = try_embed(run.evaluation_picture, position) if os.path.lexists(run.evaluation_picture) else None
    drawn = {title: run.evaluation_picture.with_name(f"evaluation-{kind}.png") for kind, title in TITLES.items()}
    matrices = {title: try_embed(path, position) for title, path in drawn.items() if os.path.lexists(path)}
    grids = [try_embed(path, int(path.stem)) for path in choose_grids(run)]
    confusions = {title: matrix for title, matrix in matrices.items() if matrix is not None}
    return comparison, confusions, [grid for grid in grids if grid is not None]


def read_evaluations(run: RunDir) -> tuple[list[Evaluation], list[str]]:
    """The test split first; and notes about splits and scores that are too many or too large."""
    entries = run.evaluations()
    found, notes = [], []
    for split in sorted(entries, key=lambda split: (split != "test", split))[:_MOST_SPLITS]:
        entry = entries[split]
        # Not `is_number`: a class that is nowhere has the score NaN.
        scores = {name: value for name, value in entry["scores"].items() if not abs(value) > LARGEST}
        shown = dict(list(scores.items())[:_MOST_SCORES])
        are = f"score of split {split} is", f"scores of split {split} are"
        if hidden := len(entry["scores"]) - len(shown):
            notes.append(f"{counted(hidden, *are)} too large, or too many.")
        found.append(
            Evaluation(
                split=split,
                position=entry["position"],
                num_images=entry["num_images"],
                rows=compare(shown, (entry.get("intervals") or {}).get("of", {})),
                notes=[*entry.get("notes", {}).values()],
                groups=[*islice(group_tables(entry.get("groups", {})), _MOST_SPLITS)],
            )
        )
    more = len(entries) - len(found)
    return found, notes + ([f"{counted(more, 'more split was', 'more splits were')} scored."] if more else [])


def _tiles(
    metrics: Sequence[Mapping[str, Any]], evaluations: Sequence[Evaluation], *, position: int, total: int
) -> list[Tile]:
    tiles = [Tile(label="images seen", value=f"{position:,}", note=f"of {total:,}")]
    for row in evaluations[0].rows if evaluations else []:
        if row.score.is_headline:
            note = "" if row.margin is None else f"{row.show(row.margin, signed=True)} over the better baseline"
            tiles.append(Tile(label=row.title, value=row.show(row.translation), note=note))
    times, speeds = numbers(metrics, "time_s"), numbers(metrics, "throughput/images_per_s")
    if times:
        speed = f"{median(speeds):.1f} images/s" if speeds else ""
        seconds = min(max(0, round(max(times))), _LONGEST_TIME_S)
        tiles.append(Tile(label="time", value=str(timedelta(seconds=seconds)), note=speed))
    return tiles


def numbers(metrics: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    """The values of a key, of the lines that have a number there."""
    return [line[key] for line in metrics if is_number(line.get(key))]
