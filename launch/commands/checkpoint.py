"""`diptych checkpoint COMMAND RUN`: list the checkpoints of a run, check, thin out or export them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.table import Table
from rich.text import Text
from tyro.conf import OmitArgPrefixes, OmitSubcommandPrefixes, Positional, arg, subcommand

from sharding.console import counted, make_console, one_line
from sharding.storage.place import PLACE_ARGUMENT, Place, store_problem
from trainer.checkpoints.inspection import (
    Found,
    Pruning,
    best_position,
    carry_out,
    examine_all,
    newest_position,
    plan_pruning,
)
from trainer.checkpoints.layout import CheckpointError
from trainer.config.errors import ConfigError
from trainer.runs.config import RunConfig, config_from_dict
from trainer.runs.rundir import RunDir

Run = Annotated[Positional[Path], arg(metavar="RUN")]
RunOrCopy = Annotated[Positional[Annotated[Place, PLACE_ARGUMENT]], arg(metavar="RUN|URL")]


@dataclass(frozen=True, kw_only=True)
class Ls:
    """List the checkpoints of a run: positions, dates, sizes, and which are whole. Exit status 0."""

    run: RunOrCopy
    """Folder of the run, e.g. runs/NAME; or the address of its copy, s3://BUCKET/FOLDER/NAME."""
    check: bool = False
    """Read all bytes, instead of names and sizes alone."""


@dataclass(frozen=True, kw_only=True)
class Verify:
    """Read all bytes of all checkpoints of a run. Exit status: 0 all whole, 1 one is damaged, 2 no run."""

    run: RunOrCopy
    """Folder of the run, e.g. runs/NAME; or the address of its copy, s3://BUCKET/FOLDER/NAME."""


@dataclass(frozen=True, kw_only=True)
class Prune:
    """Remove older checkpoints, but not the best one. Refused while the run is trained."""

    run: Run
    """Folder of the run, e.g. runs/NAME."""
    keep: int
    """How many of the newest whole ones stay."""
    dry_run: bool = False
    """Say what would be removed, and remove nothing."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """Write networks of a checkpoint as files that others read without Diptych, one file for each network."""

    run: Run
    """Folder of the run, e.g. runs/NAME."""
    out: Path
    """A folder for one file of each network; or one file, NAME.safetensors or NAME.pt, for one network."""
    format: Literal["safetensors", "torch"] = "safetensors"
    """`torch`: a plain `state_dict`, and what is to be known of it beside it in a file of JSON."""
    networks: tuple[str, ...] = ()
    """Which ones, e.g. generator; all if not given."""
    weights: Literal["averaged", "trained"] = "averaged"
    """The averaged generators, which `diptych translate` uses; or the networks of all players as they were trained."""
    checkpoint: Path | None = None
    """A folder in RUN/checkpoints, or best; the newest whole one if not given."""


Command = (
    Annotated[Ls, subcommand("ls")]
    | Annotated[Verify, subcommand("verify")]
    | Annotated[Prune, subcommand("prune")]
    | Annotated[Export, subcommand("export")]
)


def main(argv: list[str]) -> int:
    """Do what is asked of a run's checkpoints. Returns the exit status.

    Raises:
        ConfigError: there is no run, or it is in use.
    """
    command = tyro.cli(OmitSubcommandPrefixes[OmitArgPrefixes[Command]], args=argv, prog="diptych checkpoint")
    try:
        match command:
            case Ls():
                return _list(command.run, reads_all=command.check)
            case Verify():
                return _verify(command.run)
            case Prune():
                return _prune(command)
            case Export():
                return _export(command)
    except CheckpointError as error:
        raise ConfigError("run", str(command.run), str(error)) from error


def _look(place: Place, *, reads_all: bool) -> tuple[RunConfig, list[Found]]:
    """The configuration and the checkpoints of a run, or of its copy in a store."""
    if isinstance(place, Path):
        run = RunDir(place)
        return run.config(), examine_all(run.checkpoints, reads_all=reads_all)
    problem = store_problem(place)
    if problem is not None:
        raise ConfigError("run", str(place), problem)
    from trainer.checkpoints.remote.copy import RunCopy  # what speaks to stores is not for a run that lies here
    from trainer.checkpoints.remote.fetch import read_copy_record
    from trainer.checkpoints.remote.inspection import examine_copy

    copy = RunCopy(place)
    return config_from_dict(read_copy_record(copy)["config"]), examine_copy(copy, reads_all=reads_all)


def _list(place: Place, *, reads_all: bool) -> int:
    config, found = _look(place, reads_all=reads_all)
    make_console().print(_table(found, zero_stage=config.engine.zero_stage, reads_all=reads_all))
    return 0


def _table(found: list[Found], *, zero_stage: int, reads_all: bool) -> Table:
    newest, best = newest_position(found), best_position(found)
    table = Table()
    for name in ("images", "saved (UTC)", "MB", "ranks", "ZeRO", "", "condition"):
        table.add_column(name, justify="right" if name in ("images", "MB", "ranks", "ZeRO") else "left")
    for each in found:
        marks = [mark for mark, position in (("newest", newest), ("best", best)) if each.position == position]
        table.add_row(
            str(each.position),
            f"{datetime.fromtimestamp(each.saved, UTC):%F %T}" if each.saved else "",
            f"{each.num_bytes / 1e6:.1f}",
            str(each.state.world_size) if each.state else "",
            str(zero_stage),
            ", ".join(marks),
            Text(_condition(each, reads_all=reads_all), style="red" if each.fault else ""),
        )
    return table


def _condition(found: Found, *, reads_all: bool) -> str:
    if found.fault:
        return one_line(f"damaged: {found.fault}" if found.is_damaged else found.fault)
    if found.has_no_checksums:
        return "without checksums"
    return "whole" if reads_all else "complete"


def _verify(place: Place) -> int:
    console, (_, found) = make_console(), _look(place, reads_all=True)
    for each in found:
        console.print(one_line(f"{each.place}: {_condition(each, reads_all=True)}"))
    faults = sum(bool(each.fault) for each in found)
    console.print(f"{counted(len(found), 'checkpoint')}, {faults} damaged.")
    return 1 if faults else 0


def _prune(command: Prune) -> int:
    run = RunDir(command.run)
    run.record()
    if command.keep < 1:
        raise ConfigError("keep", command.keep, "must be 1 or more: a run without checkpoints begins anew.")
    if command.dry_run:
        _tell(plan_pruning(run.checkpoints, keep=command.keep), verb="would remove")
        return 0
    with run.only_process():
        pruning = plan_pruning(run.checkpoints, keep=command.keep)
        carry_out(pruning)
    _tell(pruning, verb="removed")
    return 0


def _tell(pruning: Pruning, *, verb: str) -> None:
    console = make_console()
    for each in pruning.removed:
        console.print(f"{verb} {each.place}")
    for each in pruning.damaged:
        console.print(one_line(f"left as it is: {each.place} ({_condition(each, reads_all=False)})"))
    if not pruning.kept:
        console.print("none is whole: nothing is removed.")
        return
    freed = sum(each.num_bytes for each in pruning.removed) / 1e6
    kept = ", ".join(str(each.position) for each in sorted(pruning.kept, key=lambda each: each.position))
    console.print(f"kept: {kept}; {verb} {counted(len(pruning.removed), 'checkpoint')}, {freed:.1f} MB.")


def _export(command: Export) -> int:
    run = RunDir(command.run)
    run.record()
    from trainer.inference.export import export_networks
    from trainer.inference.translator import chosen_checkpoint
    from trainer.runs.opened import open_run

    exported = export_networks(
        open_run(run, needs_data=False),
        chosen_checkpoint(run, command.checkpoint),
        out=command.out,
        kind=command.format,
        averaged=command.weights == "averaged",
        names=command.networks,
    )
    console = make_console()
    for each in exported:
        console.print(
            f"{each.path}: {each.name}, {counted(each.num_tensors, 'tensor')}, {each.num_bytes / 1e6:.1f} MB",
            soft_wrap=True,
        )
    return 0
