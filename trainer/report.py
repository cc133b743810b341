"""report.html: one page about a run, complete in itself, that opens anywhere without a network."""

import base64
import io
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import jinja2
from PIL import Image

from sharding.storage.files import write_atomically
from trainer.comparison import Row, compare
from trainer.logging.jsonl import read_metrics
from trainer.report_charts import HEIGHT, WIDTH, make_charts
from trainer.rundir import RunDir

_MOST_GRIDS = 8
_LARGEST_PICTURE = 2000  # pixels
_WEBP_QUALITY = 88


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture as part of the page."""

    position: int
    """Images seen when it was drawn."""
    uri: str
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The scores of one split."""

    split: str
    position: int
    num_images: int
    rows: list[Row]


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


def render_report(run: RunDir) -> str:
    """The page. A run that has only begun gives a page that says so."""
    record, metrics, evaluations = run.record(), read_metrics(run.metrics_file), _read_evaluations(run)
    position = max([line["position"] for line in metrics] + [entry.position for entry in evaluations], default=0)
    total = max(1, round(record["config"]["train"]["total_kimg"] * 1000))
    charts = make_charts(metrics)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("report.html").render(
        run=run,
        record=record,
        command=shlex.join(record["command"]),
        started=datetime.fromisoformat(record["started"]).strftime("%d %B %Y, %H:%M %Z"),
        position=position,
        total=total,
        tiles=_tiles(metrics, evaluations, position=position, total=total),
        evaluations=evaluations,
        comparison=_embed(run.evaluation_picture, position) if run.evaluation_picture.is_file() else None,
        charts=charts,
        hover=[chart.hover() for chart in charts],
        chart_size=(WIDTH, HEIGHT),
        grids=[_embed(path, int(path.stem)) for path in _choose_grids(run)],
        settings=list(_flatten(record["config"])),
    )


def _read_evaluations(run: RunDir) -> list[Evaluation]:
    """The test split first."""
    entries = run.evaluations()
    return [
        Evaluation(
            split=split,
            position=entries[split]["position"],
            num_images=entries[split]["num_images"],
            rows=compare(entries[split]["scores"]),
        )
        for split in sorted(entries, key=lambda split: (split != "test", split))
    ]


def _tiles(
    metrics: Sequence[Mapping[str, Any]], evaluations: Sequence[Evaluation], *, position: int, total: int
) -> list[Tile]:
    tiles = [Tile(label="images seen", value=f"{position:,}", note=f"of {total:,}")]
    for row in evaluations[0].rows if evaluations else []:
        if row.name in ("psnr", "ssim", "miou"):
            note = "" if row.margin is None else f"{row.show(row.margin, signed=True)} over the better baseline"
            tiles.append(Tile(label=row.title, value=row.show(row.translation), note=note))
    times = [line["time_s"] for line in metrics if "time_s" in line]
    speeds = [line["throughput/images_per_s"] for line in metrics if "throughput/images_per_s" in line]
    if times:
        speed = f"{median(speeds):.1f} images/s" if speeds else ""
        tiles.append(Tile(label="time", value=str(timedelta(seconds=round(max(times)))), note=speed))
    return tiles


def _choose_grids(run: RunDir) -> list[Path]:
    """The first, the last, and evenly spaced ones in between."""
    grids = sorted(run.samples.glob("[0-9]*.png"))
    if len(grids) <= _MOST_GRIDS:
        return grids
    return [grids[place * (len(grids) - 1) // (_MOST_GRIDS - 1)] for place in range(_MOST_GRIDS)]


def _embed(path: Path, position: int) -> Picture:
    """As WebP, a tenth of the PNG's size, so that the page stays small."""
    picture = Image.open(path).convert("RGB")
    picture.thumbnail((_LARGEST_PICTURE, _LARGEST_PICTURE))
    buffer = io.BytesIO()
    picture.save(buffer, format="WEBP", quality=_WEBP_QUALITY)
    uri = "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
    return Picture(position=position, uri=uri, width=picture.width, height=picture.height)


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names, as on the command line."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
