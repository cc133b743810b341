"""`diptych table NAME`: train the rows of a comparison table one after the other, and print it beside the paper's."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from launch.embedded import ensure_dataset
from launch.ranks.interpreter import module_command
from launch.starting import require_same_config
from sharding.console import make_console
from sharding.storage.files import write_atomically
from sweeps.one_by_one import run_to_end, was_stopped
from sweeps.tables.asked import AskedRun, notes_of
from sweeps.tables.given import NOTHING, Given, OwnData
from sweeps.tables.papers import TABLES, PaperRow, Table, find_table
from sweeps.tables.picture import draw_table
from sweeps.tables.show import WIDTH, markdown, show_table
from sweeps.tables.studies import STUDY_TABLES, study_table_command
from trainer.config.bounds import AtLeastOne
from trainer.config.errors import ConfigError
from trainer.config.section import check_bounds
from trainer.presets import load_preset
from trainer.runs.rundir import RunDir

_console = make_console()


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
    """Folder of all runs: those of this table are in TABLE/ inside it; on data of your own in TABLE-DATA/, called as
    the data set."""
    seeds: AtLeastOne = 1
    """Runs of each row: with the preset's own seed, 0, then 1, 2, ... What there is of an earlier call is kept."""
    rows: tuple[str, ...] = ()
    """Train these only, by their titles or presets; all are shown. Unless given, all are trained."""
    num_procs: int = 0
    """Ranks on this machine; 0 is one for each GPU, or one on the CPU."""
    show: tyro.conf.FlagCreatePairsOff[bool] = False
    """Train nothing: print what there is, and draw it."""
    given: Annotated[Given, tyro.conf.arg(name="")] = NOTHING

    def __post_init__(self) -> None:
        check_bounds(self)


def table_command(argv: list[str]) -> int:
    """Returns the exit status. Raises ConfigError or DatasetError with a message for the user."""
    if argv and argv[0] in STUDY_TABLES:
        return study_table_command(argv)
    about = f"Tables: {', '.join(TABLES)}. Of what people said in studies: {', '.join(STUDY_TABLES)} (STUDY...)."
    options = tyro.cli(TableOptions, args=argv, prog="diptych table", description=about)
    if options.table in STUDY_TABLES:
        raise ConfigError(
            "table", options.table, "trains nothing: `diptych table NAME STUDY...`, with no more options."
        )
    table = find_table(options.table)
    own = options.given.open(table, name=options.table)
    table = table if own is None else own.scored(table)
    folder = options.runs / (options.table if own is None else f"{options.table}-{own.name}")
    chosen = _chosen(table, options.rows)
    places = [(row, number) for number in range(options.seeds) for row in table.rows]
    asked = [_asked(table, row, number, own=own, folder=folder, options=options) for row, number in places]
    due = [] if options.show else [one for one in asked if one.row in chosen]
    if own is not None:
        configs = [one.config for one in asked]
        options.given.check(table, own, configs, name=options.table, trains=not options.show)
    failed = []
    for one in due:
        status = _finish(one, table, options=options)
        if was_stopped(status):
            return status  # told to stop
        failed += [one.name] * (status != 0)
    _print(table, asked, folder=folder, seeds=options.seeds)
    if failed:
        _console.print(f"failed: {', '.join(failed)}; the same command continues them.")
    return 1 if failed else 0


def _chosen(table: Table, names: Sequence[str]) -> Sequence[PaperRow]:
    """Rows by title or preset, in whatever case; all of no names. Raises ConfigError for a name that is none."""
    known = {name.casefold(): row for row in table.rows for name in (row.title, row.preset)}
    for name in names:
        if name.casefold() not in known:
            titles = ", ".join(f"'{row.title}'" for row in table.rows)
            raise ConfigError("rows", name, f"is no row of this table; choose from {titles}, or their presets.")
    return [known[name.casefold()] for name in names] or table.rows


def _print(table: Table, asked: Sequence[AskedRun], *, folder: Path, seeds: int) -> None:
    scores: dict[str, list[Mapping[str, float]]] = {row.preset: [] for row in table.rows}
    for one in asked:
        scores[one.row.preset] += one.scores()
    notes = notes_of(table, asked)
    shown = show_table(table, scores, seeds=seeds, notes=notes)
    make_console(width=max(_console.width, WIDTH), soft_wrap=False).print(shown)
    if not folder.is_dir():
        return
    picture = draw_table(asked, folder / "table.png", console=_console)
    text = markdown(table, scores, seeds=seeds, notes=notes, picture=picture.name if picture else None)
    write_atomically(folder / "table.md", text.encode())
    _console.print(f"written to {folder / 'table.md'}" + (f", {picture}" if picture else ""))


def _asked(
    table: Table, row: PaperRow, number: int, *, own: OwnData | None, folder: Path, options: TableOptions
) -> AskedRun:
    config, arguments = load_preset(row.preset), []
    if own is not None:
        config, arguments = own.applied(table, row, config)
    if options.kimg is not None:
        config = replace(config, train=replace(config.train, total_kimg=options.kimg))
        arguments += ["--train.total-kimg", str(options.kimg)]
    if number:
        seed = config.train.seed + number
        config = replace(config, train=replace(config.train, seed=seed))
        arguments += ["--train.seed", str(seed)]
    run = RunDir(folder / (f"{row.preset}-seed{number}" if number else row.preset))
    split = "test" if own is None else own.subject(config).final_split
    return AskedRun(row=row, run=run, config=config, arguments=arguments, split=split)


def _finish(one: AskedRun, table: Table, *, options: TableOptions) -> int:
    """Train a row, from where it was stopped, and judge it. Returns the exit status of what did not succeed, or 0."""
    run, arguments = one.run, one.arguments
    if not run.run_file.is_file():
        ensure_dataset(one.config.data.path)
        arguments = [one.row.preset, "--name", one.name, "--runs", str(run.path.parent), *arguments]
    else:
        require_same_config(run, one.config, field="runs")
        if run.is_finished(one.split):
            return _judge(one, options.given.fcn) if table.by_fcn else 0
        arguments = ["--resume", str(run.path)]
    _console.rule(f"{one.row.title}: {one.name}")
    status = run_to_end(module_command("launch.cli", "train", *arguments, "--num-procs", str(options.num_procs)))
    return _judge(one, options.given.fcn) if table.by_fcn and status == 0 else status


def _judge(one: AskedRun, fcn: Path | None) -> int:
    """FCN scores of a finished run, unless it has those of this network. Returns the exit status."""
    assert fcn is not None
    if hashlib.sha256(fcn.read_bytes()).hexdigest()[:12] in one.judged:
        return 0
    command = ["evaluate", str(one.run.path), "--split", one.split, "--fcn", str(fcn)]
    return run_to_end(module_command("launch.cli", *command))
