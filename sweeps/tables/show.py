"""A comparison table as text: the paper's figures beside those of our runs, and below them what needs no training."""

from collections.abc import Mapping, Sequence
from statistics import mean, stdev

from rich.table import Table as RichTable
from rich.text import Text

from sharding.console import markdown_table, markdown_text, one_line
from sweeps.tables.papers import PAPER_SCORES, PaperRow, Table
from trainer.evaluation.scores import BASELINES, find_key

Scores = Mapping[str, Sequence[Mapping[str, float]]]
"""Preset -> scores of its runs, one for each seed that is there."""
WIDTH = 152
"""Characters: tables have many columns, and a terminal that is narrower wraps lines."""
TIME = "time_s"
"""Stands among scores for what a run took, seconds."""
_DIGITS = 2
"""After the point, as the papers have them; scores by an encoder have those of the catalogue."""
_REAL = "baseline/real"


def cell(key: str, runs: Sequence[Mapping[str, float]], *, seeds: int, digits: int = _DIGITS) -> str:
    """`14.67`, of several seeds `14.67 ± 0.12`, of fewer than there should be with `(2 of 3)`."""
    values = [scores[key] for scores in runs if key in scores]
    if not values:
        return "-"
    spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{mean(values):.{digits}f}{spread}" + (f" ({len(values)} of {seeds})" if len(values) < seeds else "")


def _digits(key: str) -> int:
    row = find_key(key)
    return row.digits if row.encoder else _DIGITS


def _cells(table: Table, row: PaperRow, runs: Sequence[Mapping[str, float]], *, seeds: int) -> list[str]:
    paper = [f"{value:.2f}" for value in row.paper] or ["-"] * len(PAPER_SCORES)
    times = [scores[TIME] for scores in runs if TIME in scores]
    time = f"{mean(times):.0f} s" if times else "-"
    ours = [cell(key, runs, seeds=seeds, digits=_digits(key)) for key in table.scores.values()]
    return [row.title, *paper, *ours, time]


def _rows(table: Table, scores: Scores, *, seeds: int) -> list[list[str]]:
    """All rows, then the baselines that have any of the table's scores: no matter of seeds, nor of rows."""
    rows = [_cells(table, row, scores.get(row.preset, []), seeds=seeds) for row in table.rows]
    runs = [run for of_row in scores.values() for run in of_row]
    for prefix, title in BASELINES.items():
        keys = [f"{prefix}/{key.partition('/')[2]}" for key in table.scores.values()]
        found = next((run for run in runs if any(key in run for key in keys)), {})
        truth = table.truth if prefix == _REAL else ()
        if found or truth:
            ours = [f"{found[key]:.{_digits(key)}f}" if key in found else "-" for key in keys]
            paper = [f"{value:.2f}" for value in truth] or ["-"] * len(PAPER_SCORES)
            rows.append(["Ground truth" if truth else title, *paper, *ours, "-"])
    return rows


def _header(table: Table) -> list[str]:
    columns = [*(f"paper: {name}" for name in PAPER_SCORES), *(f"here: {name}" for name in table.scores)]
    return ["", *columns, "here: time"]


def _spread(seeds: int) -> str:
    return f"mean ± sample standard deviation over {seeds} seeds"


def show_table(table: Table, scores: Scores, *, seeds: int = 1, notes: Sequence[str] = ()) -> RichTable:
    """The table for the console; rows that are not finished have dashes."""
    caption = "\n".join([*([] if seeds == 1 else [f"{_spread(seeds)}."]), *map(one_line, notes)])
    title = f"{table.title} ({table.source})"
    shown = RichTable(title=title, title_justify="left", caption=Text(caption), caption_justify="left")
    for place, name in enumerate(_header(table)):
        shown.add_column(name, justify="right" if place else "left", overflow="fold")
    for row in _rows(table, scores, seeds=seeds):
        shown.add_row(*row)
    return shown


def markdown(
    table: Table, scores: Scores, *, seeds: int = 1, notes: Sequence[str] = (), picture: str | None = None
) -> str:
    """The table for a file; below it `notes`, and a picture by its name."""
    lines = "\n".join(markdown_table(_header(table), _rows(table, scores, seeds=seeds)))
    sentences = [f"The paper's figures: {table.source}.", *(f"{unit}." for unit in table.units)]
    sentences += [] if seeds == 1 else [f"Ours: {_spread(seeds)}."]
    below = "".join(f"\n{markdown_text(note)}\n" for note in notes)
    below += f"\n![{markdown_text(table.title)}]({picture})\n" if picture else ""
    return f"# {table.title}\n\n{' '.join(sentences)}\n\n{lines}\n{below}"
