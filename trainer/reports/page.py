"""report.html: one page about a run, complete in itself, that opens anywhere without a network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import jinja2

from sharding.console import command_line, counted, printable
from sharding.storage.files import write_atomically
from trainer.evaluation.comparison import ScoreRow, compare
from trainer.evaluation.group_tables import GroupTable, group_tables
from trainer.monitoring.metrics_file import read_metrics
from trainer.reports.charts import HEIGHT, LARGEST, WIDTH, left_out, make_charts
from trainer.reports.data_card import data_card
from trainer.reports.noticed import noticed
from trainer.reports.numbers import cost, numbers, show_duration
from trainer.reports.pictures import MOST_EMBEDDED
from trainer.reports.run_pictures import RunPictures, read_pictures
from trainer.reports.settings import read_settings
from trainer.runs.rundir import RunDir

_LONGEST_TEXT = 20_000  # characters of one value
MOST_BYTES = 10_000_000
"""Of the page: it is to be sent on."""
_FEWEST_BYTES = 2000
"""Of a picture on it."""
_MOST_VERSIONS = 100
_MOST_SPLITS = 8
_MOST_SCORES = 2000
"""Of one split and its baselines: those of 255 classes have their place."""


_PARTS = {
    "left-out": "Left out",
    "scores": "Scores",
    "pictures": "Held-out images",
    "samples": "Samples over time",
    "cases": "Worst and best",
    "doctor": "Doctor",
    "curves": "Curves",
    "cost": "What it took",
    "data": "Data",
    "go-on": "Go on",
    "configuration": "How it was made",
}
"""Of the page, in its order, with what its list of them calls each."""


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
    """The page, of at most `MOST_BYTES`. A run that has only begun gives a page that says so."""
    values = _values(run)
    pictures = read_pictures(run, position=values["position"])
    page = _draw(values, pictures)
    if (size := len(page.encode())) > MOST_BYTES:  # the pictures take what the text leaves
        room = MOST_BYTES - (size - pictures.size)
        most = max(_FEWEST_BYTES, min(MOST_EMBEDDED, room * 7 // 10 // pictures.number))
        page = _draw(values, read_pictures(run, position=values["position"], most=most))
    return page


def _draw(values: Mapping[str, Any], pictures: RunPictures) -> str:
    may_lack = {
        "left-out": values["notes"] or pictures.notes,
        "pictures": pictures.comparison,
        "samples": pictures.grids,
        "cases": pictures.cases,
        "doctor": values["noticed"] or values["is_measured"],
        "cost": values["cost"],
    }
    parts = {part: title for part, title in _PARTS.items() if may_lack.get(part, True)}
    notes = values["notes"] + pictures.notes
    return find_template("page.html").render(**{**values, "notes": notes, "pictures": pictures, "parts": parts})


def _values(run: RunDir) -> dict[str, Any]:
    """All that the page shows, but for pictures."""
    record, metrics = run.record(), read_metrics(run.metrics_file)
    evaluations, notes = read_evaluations(run)
    position = max([line["position"] for line in metrics] + [entry.position for entry in evaluations], default=0)
    total = run.config().train.total_images
    charts = make_charts(metrics)
    return {
        "run": run,
        "record": record,
        "versions": dict(list(record["versions"].items())[:_MOST_VERSIONS]),
        "command": command_line(*record["command"]),
        "commands": _commands(run),
        "started": datetime.fromisoformat(record["started"]).strftime("%d %B %Y, %H:%M %Z"),
        "position": position,
        "total": total,
        "early_stop": run.early_stop(),
        "tiles": _tiles(metrics, evaluations, position=position, total=total),
        "evaluations": evaluations,
        "noticed": noticed(metrics),
        "is_measured": any(key.startswith("game/") for line in metrics for key in line),
        "charts": charts,
        "hover": [chart.hover() for chart in charts],
        "chart_size": (WIDTH, HEIGHT),
        "settings": read_settings(record),
        "data": data_card(run, record),
        "cost": cost(metrics, record),
        "notes": notes + left_out(metrics),
    }


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
            margin = "" if row.margin is None else f"{row.show(row.margin, signed=True)} over the better baseline"
            note = ". ".join(filter(None, [row.show_interval(), margin]))
            tiles.append(Tile(label=row.title, value=row.show(row.translation), note=note))
    if times := numbers(metrics, "time_s"):
        speeds = numbers(metrics, "throughput/images_per_s")
        speed = f"{median(speeds):.1f} images/s" if speeds else ""
        tiles.append(Tile(label="time", value=show_duration(max(times)), note=speed))
    return tiles
