"""`diptych table NAME`: train the rows of a comparison table one after the other, and print it beside the paper's."""

import signal
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro
from rich.table import Table as RichTable

from launch.embedded import ensure_dataset
from launch.ranks.interpreter import module_command
from launch.starting import same_config
from sharding.console import make_console, markdown_table
from sharding.storage.files import write_atomically
from sweeps.tables.papers import PAPER_SCORES, TABLES, PaperRow, Table, find_table
from trainer.config.errors import ConfigError
from trainer.loop.stop import handle, restore
from trainer.presets import load_preset
from trainer.runs.rundir import RunDir

_WIDTH = 132  # characters: tables have many columns, and a terminal that is narrower wraps lines
_LARGEST_FAILURE = 128  # a greater exit status is that of a process that was ended by a signal
_FROM_TERMINAL = (signal.SIGINT, signal.SIGHUP)  # sent to all of its processes
_console = make_console()


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """Train each row of a table that is not finished yet, one after the other; then print all beside the paper's."""

    table: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="TABLE")]
    """One of the tables."""
    kimg: float | None = None
    """Thousands of images of each run; the presets' own if not given."""
    runs: Path = Path("runs")
    """Folder of all runs: those of this table are in TABLE/ inside it."""
    num_procs: int = 0
    """Ranks on this machine; 0 is one for each GPU, or one on the CPU."""
    show: tyro.conf.FlagCreatePairsOff[bool] = False
    """Train nothing: print what there is."""


def table_command(argv: list[str]) -> int:
    """Returns the exit status. Raises ConfigError or DatasetError with a message for the user."""
    options = tyro.cli(TableOptions, args=argv, prog="diptych table", description=f"Tables: {', '.join(TABLES)}.")
    table = find_table(options.table)
    folder = options.runs / options.table
    failed = []
    for row in [] if options.show else table.rows:
        status = _finish(row, folder=folder, options=options)
        if status < 0 or status > _LARGEST_FAILURE:
            return status  # told to stop
        failed += [row.preset] * (status != 0)
    evaluations = {row.preset: RunDir(folder / row.preset).evaluations() for row in table.rows}
    scores = {preset: known.get("test", {}).get("scores", {}) for preset, known in evaluations.items()}
    make_console(width=max(_console.width, _WIDTH), soft_wrap=False).print(show_table(table, scores))
    if folder.is_dir():
        write_atomically(folder / "table.md", markdown(table, scores).encode())
        _console.print(f"written to {folder / 'table.md'}")
    if failed:
        _console.print(f"failed: {', '.join(failed)}; the same command continues them.")
    return 1 if failed else 0


def _finish(row: PaperRow, *, folder: Path, options: TableOptions) -> int:
    """Train a row, from where it was stopped. Returns the exit status of the run."""
    run, config = RunDir(folder / row.preset), load_preset(row.preset)
    if options.kimg is not None:
        config = replace(config, train=replace(config.train, total_kimg=options.kimg))
    if not run.run_file.is_file():
        ensure_dataset(config.data.path)
        arguments = [row.preset, "--name", row.preset, "--runs", str(folder)]
        arguments += [] if options.kimg is None else ["--train.total-kimg", str(options.kimg)]
    elif not same_config(run, config):
        raise ConfigError("runs", str(run.path), "was begun with other settings than this row has; move it away.")
    elif run.is_finished("test"):
        return 0
    else:
        arguments = ["--resume", str(run.path)]
    _console.rule(f"{row.title}: {row.preset}")
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


def _cells(table: Table, row: PaperRow, scores: dict[str, float]) -> list[str]:
    paper = [f"{value:.2f}" for value in row.paper] or ["-"] * len(PAPER_SCORES)
    return [row.title, *paper, *(f"{scores[key]:.2f}" if key in scores else "-" for key in table.scores.values())]


def _header(table: Table) -> list[str]:
    return ["", *(f"paper: {name}" for name in PAPER_SCORES), *(f"here: {name}" for name in table.scores)]


def show_table(table: Table, scores: dict[str, dict[str, float]]) -> RichTable:
    """The table for the console; rows that are not finished have dashes."""
    shown = RichTable(title=f"{table.title} ({table.source})", title_justify="left")
    for place, name in enumerate(_header(table)):
        shown.add_column(name, justify="left" if place == 0 else "right")
    for row in table.rows:
        shown.add_row(*_cells(table, row, scores.get(row.preset, {})))
    return shown


def markdown(table: Table, scores: dict[str, dict[str, float]]) -> str:
    """The table for a file."""
    rows = [_cells(table, row, scores.get(row.preset, {})) for row in table.rows]
    lines = "\n".join(markdown_table(_header(table), rows))
    sentences = [f"The paper's figures: {table.source}.", *(f"{unit}." for unit in table.units)]
    return f"# {table.title}\n\n{' '.join(sentences)}\n\n{lines}\n"
