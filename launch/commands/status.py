"""`diptych status RUN`: how a run is, from any machine that sees its folder."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from launch.run_state import describe, look
from launch.slurm.controller import queue_entry
from launch.slurm.cycles import read_cycle
from sharding.console import make_console, one_line
from trainer.runs.rundir import RunDir


@dataclass(frozen=True, kw_only=True)
class StatusOptions:
    """Tell how far a run is, how fast, on which hosts, and whether it is heard of. It is not disturbed."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Folder of the run, e.g. runs/NAME."""
    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print one JSON object, for programs."""


def main(argv: list[str]) -> int:
    """Print how a run is. Returns the exit status.

    Raises:
        ConfigError: there is no run, or one of its files is damaged.
    """
    options = tyro.cli(StatusOptions, args=argv, prog="diptych status")
    run, console = RunDir(options.run), make_console()
    state = replace(look(run), job=_job(run))
    if options.json:
        console.print(json.dumps(state.to_record()))
        return 0
    for line in describe(state):
        console.print(one_line(line))
    return 0


def _job(run: RunDir) -> str:
    cycle = read_cycle(run)
    entry = queue_entry(cycle.job) if cycle is not None else ""
    return f"{cycle.job}: {entry}" if cycle is not None and entry else ""
