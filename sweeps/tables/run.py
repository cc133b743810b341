"""`diptych table NAME`: train the rows of a comparison table one after the other, and print it beside the paper's."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated

import tyro
from rich.table import Table as RichTable

from launch.embedded import ensure_dataset
from launch.ranks.interpreter import module_command
from launch.starting import same_config
from sharding.console import make_console, markdown_table
from sharding.storage.files import write_atomically
from sweeps.tables.papers import PAPER_SCORES, TABLES, PaperRow, Table, find_table
from trainer.config.bounds import AtLeastOne
from trainer.config.errors import ConfigError
from trainer.config.section import check_bounds
from trainer.evaluation.scores import BASELINES
from trainer.loop.stop import handle, restore
from trainer.presets import load_preset
from trainer.runs.config import RunConfig
from trainer.runs.rundir import RunDir

_WIDTH = 132  # characters: tables have many columns, and a terminal that is narrower wraps lines
_LARGEST_FAILURE = 128  # a greater exit status is that of a process that was ended by a signal
_FROM_TERMINAL = (signal.SIGINT, signal.SIGHUP)  # sent to all of its processes
_console = make_console()

Scores = Mapping[str, Sequence[Mapping[str, float]]]
"""Preset -> scores of its runs, one for each seed that is there."""


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """Train each row of a table that is not finished yet, one after the other; then print all beside the paper's.

    Of several seeds, all rows are trained with one before the next; a cell is their mean ± sample standard deviation.
    """

    table: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="TABLE")]
    """One of the tables."""
    kimg: float | None = None
    """Thousands of images of each run; the presets' own if not given."""
    runs: Path = Path("runs")
    """Folder of all runs: those of this table are in TABLE/ inside it."""
    seeds: AtLeastOne = 1
    """Runs of each row: with the preset's own seed, 0, then 1, 2, ... What there is of an earlier call is kept."""
    num_procs: int = 0
    """Ranks on this machine; 0 is one for each GPU, or one on the CPU."""
    show: tyro.conf.FlagCreatePairsOff[bool] = False
    """Train nothing: print what there is."""

    def __post_init__(self) -> None:
        check_bounds(self)


def table_command(argv: list[str]) -> int:
    """Returns the exit status. Raises ConfigError or DatasetError with a message for the user."""
    options = tyro.cli(TableOptions, args=argv, prog="diptych table", description=f"Tables: {', '.join(TABLES)}.")
    table = find_table(options.table)
    folder = options.runs / options.table
    failed = []
    for number in [] if options.show else range(options.seeds):
        for row in table.rows:
            status = _finish(row, number, folder=folder, options=options)
            if status < 0 or status > _LARGEST_FAILURE:
                return status  # told to stop
            failed += [_name(row, number)] * (status != 0)
    scores = {row.preset: _read(row, folder=folder, seeds=options.seeds) for row in table.rows}
    shown = show_table(table, scores, seeds=options.seeds)
    make_console(width=max(_console.width, _WIDTH), soft_wrap=False).print(shown)
    if folder.is_dir():
        write_atomically(folder / "table.md", markdown(table, scores, seeds=options.seeds).encode())
        _console.print(f"written to {folder / 'table.md'}")
    if failed:
        _console.print(f"failed: {', '.join(failed)}; the same command continues them.")
    return 1 if failed else 0


def _name(row: PaperRow, number: int) -> str:
    """The folder of a row's run: the first is called as the preset."""
    return f"{row.preset}-seed{number}" if number else row.preset


def _read(row: PaperRow, *, folder: Path, seeds: int) -> list[Mapping[str, float]]:
    """Scores of the test split of each run that has them."""
    known = [RunDir(folder / _name(row, number)).evaluations() for number in range(seeds)]
    return [evaluations["test"]["scores"] for evaluations in known if "test" in evaluations]


def _asked(row: PaperRow, number: int, *, kimg: float | None) -> tuple[RunConfig, list[str]]:
    """A row's configuration, and the arguments that make it of its preset."""
    config, arguments = load_preset(row.preset), []
    if kimg is not None:
        config = replace(config, train=replace(config.train, total_kimg=kimg))
        arguments += ["--train.total-kimg", str(kimg)]
    if number:
        seed = config.train.seed + number
        config = replace(config, train=replace(config.train, seed=seed))
        arguments += ["--train.seed", str(seed)]
    return config, arguments


def _finish(row: PaperRow, number: int, *, folder: Path, options: TableOptions) -> int:
    """Train a row, from where it was stopped. Returns the exit status of the run."""
    name = _name(row, number)
    run = RunDir(folder / name)
    config, arguments = _asked(row, number, kimg=options.kimg)
    if not run.run_file.is_file():
        ensure_dataset(config.data.path)
        arguments = [row.preset, "--name", name, "--runs", str(folder), *arguments]
    elif not same_config(run, config):
        raise ConfigError("runs", str(run.path), "was begun with other settings than this row has; move it away.")
    elif run.is_finished("test"):
        return 0
    else:
        arguments = ["--resume", str(run.path)]
    _console.rule(f"{row.title}: {name}")
    return _run(module_command("launch.cli", "train", *arguments, "--num-procs", str(options.num_procs)))


def _run(command: list[str]) -> int:
    """Train in a process of its own: what one run leaves in memory is not the next one's. Returns its exit status.

    Signals to stop are passed on, and the run saves itself. So does it at Ctrl-C or when the terminal is closed, of
    which it hears by itself.
    """
    process = subprocess.Popen(command)
    former = handle(lambda number, _: None if number in _FROM_TERMINAL else process.send_signal(number))
    try:
        return process.wait()
    finally:
        restore(former)


def _cell(key: str, runs: Sequence[Mapping[str, float]], *, seeds: int) -> str:
    """`14.67`, of several seeds `14.67 ± 0.12`, of fewer than there should be with `(2 of 3)`."""
    values = [scores[key] for scores in runs if key in scores]
    if not values:
        return "-"
    number = f"{mean(values):.2f}"
    if key.startswith(tuple(f"{prefix}/" for prefix in BASELINES)):
        return number  # not a matter of seeds
    spread = f" ± {stdev(values):.2f}" if len(values) > 1 else ""
    return f"{number}{spread}" + (f" ({len(values)} of {seeds})" if len(values) < seeds else "")


def _cells(table: Table, row: PaperRow, runs: Sequence[Mapping[str, float]], *, seeds: int) -> list[str]:
    paper = [f"{value:.2f}" for value in row.paper] or ["-"] * len(PAPER_SCORES)
    return [row.title, *paper, *(_cell(key, runs, seeds=seeds) for key in table.scores.values())]


def _header(table: Table) -> list[str]:
    return ["", *(f"paper: {name}" for name in PAPER_SCORES), *(f"here: {name}" for name in table.scores)]


def _spread(seeds: int) -> str:
    return f"mean ± sample standard deviation over {seeds} seeds"


def show_table(table: Table, scores: Scores, *, seeds: int = 1) -> RichTable:
    """The table for the console; rows that are not finished have dashes."""
    caption = None if seeds == 1 else _spread(seeds)
    title = f"{table.title} ({table.source})"
    shown = RichTable(title=title, title_justify="left", caption=caption, caption_justify="left")
    for place, name in enumerate(_header(table)):
        shown.add_column(name, justify="left" if place == 0 else "right")
    for row in table.rows:
        shown.add_row(*_cells(table, row, scores.get(row.preset, []), seeds=seeds))
    return shown


def markdown(table: Table, scores: Scores, *, seeds: int = 1) -> str:
    """The table for a file."""
    rows = [_cells(table, row, scores.get(row.preset, []), seeds=seeds) for row in table.rows]
    lines = "\n".join(markdown_table(_header(table), rows))
    sentences = [f"The paper's figures: {table.source}.", *(f"{unit}." for unit in table.units)]
    sentences += [] if seeds == 1 else [f"Ours: {_spread(seeds)}."]
    return f"# {table.title}\n\n{' '.join(sentences)}\n\n{lines}\n"
