"""A comparison table as text: the paper's figures beside those of our runs."""

from collections.abc import Mapping, Sequence
from statistics import mean, stdev

from rich.table import Table as RichTable

from sharding.console import markdown_table, markdown_text
from sweeps.tables.papers import PAPER_SCORES, PaperRow, Table
from trainer.evaluation.scores import BASELINES

Scores = Mapping[str, Sequence[Mapping[str, float]]]
"""Preset -> scores of its runs, one for each seed that is there."""
WIDTH = 132
"""Characters: tables have many columns, and a terminal that is narrower wraps lines."""
TIME = "time_s"
"""Stands among scores for what a run took, seconds."""


def cell(key: str, runs: Sequence[Mapping[str, float]], *, seeds: int, digits: int = 2) -> str:
    """`14.67`, of several seeds `14.67 ± 0.12`, of fewer than there should be with `(2 of 3)`."""
    values = [scores[key] for scores in runs if key in scores]
    if not values:
        return "-"
    number = f"{mean(values):.{digits}f}"
    if key.startswith(tuple(f"{prefix}/" for prefix in BASELINES)):
        return number  # not a matter of seeds
    spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{number}{spread}" + (f" ({len(values)} of {seeds})" if len(values) < seeds else "")


def _cells(table: Table, row: PaperRow, runs: Sequence[Mapping[str, float]], *, seeds: int) -> list[str]:
    paper = [f"{value:.2f}" for value in row.paper] or ["-"] * len(PAPER_SCORES)
    times = [scores[TIME] for scores in runs if TIME in scores]
    time = f"{mean(times):.0f} s" if times else "-"
    return [row.title, *paper, *(cell(key, runs, seeds=seeds) for key in table.scores.values()), time]


def _rows(table: Table, scores: Scores, *, seeds: int) -> list[list[str]]:
    """All rows, and of photos that are made of labels the real ones: the ceiling, the same for all."""
    rows = [_cells(table, row, scores.get(row.preset, []), seeds=seeds) for row in table.rows]
    if not table.truth:
        return rows
    real = [{key: run.get(f"baseline/real/{key.partition('/')[2]}") for key in table.scores.values()}
            for runs in scores.values() for run in runs]  # fmt: skip
    found = next((run for run in real if any(value is not None for value in run.values())), {})
    ours = ["-" if (value := found.get(key)) is None else f"{value:.2f}" for key in table.scores.values()]
    return [*rows, ["Ground truth", *(f"{value:.2f}" for value in table.truth), *ours, "-"]]


def _header(table: Table) -> list[str]:
    columns = [*(f"paper: {name}" for name in PAPER_SCORES), *(f"here: {name}" for name in table.scores)]
    return ["", *columns, "here: time"]


def _spread(seeds: int) -> str:
    return f"mean ± sample standard deviation over {seeds} seeds"


def show_table(table: Table, scores: Scores, *, seeds: int = 1) -> RichTable:
    """The table for the console; rows that are not finished have dashes."""
    caption = None if seeds == 1 else _spread(seeds)
    title = f"{table.title} ({table.source})"
    shown = RichTable(title=title, title_justify="left", caption=caption, caption_justify="left")
    for place, name in enumerate(_header(table)):
        shown.add_column(name, justify="left" if place == 0 else "right")
    for row in _rows(table, scores, seeds=seeds):
        shown.add_row(*row)
    return shown


def markdown(table: Table, scores: Scores, *, seeds: int = 1, notes: Sequence[str] = ()) -> str:
    """The table for a file; below it `notes`, how runs were judged."""
    lines = "\n".join(markdown_table(_header(table), _rows(table, scores, seeds=seeds)))
    sentences = [f"The paper's figures: {table.source}.", *(f"{unit}." for unit in table.units)]
    sentences += [] if seeds == 1 else [f"Ours: {_spread(seeds)}."]
    below = "".join(f"\n{markdown_text(note)}\n" for note in notes)
    return f"# {table.title}\n\n{' '.join(sentences)}\n\n{lines}\n{below}"
