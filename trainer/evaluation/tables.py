"""Scores as tables for people."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from rich.table import Table
from rich.text import Text

from sharding.console import one_line
from trainer.evaluation.bootstrap import LEVEL, Interval
from trainer.evaluation.comparison import compare
from trainer.runs.rundir import RunDir


def table_title(run: RunDir, *, split: str, position: int) -> str:
    """Which images of which run were scored, and when."""
    return f"{run.path}: split {split} after {position} images"


def plain_table(titles: Sequence[str], rows: Iterable[Sequence[str]], *, title: str) -> Table:
    """A table of text, its first column on the left."""
    table = Table(title=Text(one_line(title)), title_justify="left")
    for place, name in enumerate(titles):
        table.add_column(Text(one_line(name)), justify="right" if place else "left")
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    return table


def scores_table(
    scores: dict[str, float], *, title: str, intervals: Mapping[str, Interval] = MappingProxyType({})
) -> Table:
    """Translation, with intervals if given, against baselines, the margin over the better one, and real images."""
    table = Table(title=Text(title), title_justify="left")
    rows = compare(scores, intervals)
    has_real = any(row.real is not None for row in rows)
    has_ends = [f"{LEVEL:.0%} interval"] * any(row.interval is not None for row in rows)
    for name in ("score", "translation", *has_ends, "mean image", "identity", *["real images"] * has_real, "margin"):
        table.add_column(name, justify="left" if name == "score" else "right")
    for row in rows:
        wins = row.margin is not None and row.margin > 0
        table.add_row(
            Text(one_line(row.title)),
            row.show(row.translation),
            *[row.show_interval()] * len(has_ends),
            row.show(row.mean),
            row.show(row.identity),
            *[row.show(row.real)] * has_real,
            Text(row.show(row.margin, signed=True), style="green" if wins else "red"),
        )
    return table
