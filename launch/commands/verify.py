"""`diptych verify RUN`: check that all files of a run are what was written, without loading any of them."""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from sharding.console import counted, make_console
from trainer.checkpoints.inspection import examine
from trainer.checkpoints.layout import CheckpointError, numbered_folders
from trainer.config.errors import ConfigError
from trainer.monitoring.metrics_file import read_metrics
from trainer.monitoring.wandb_folder import is_own_link
from trainer.runs.rundir import RunDir
from trainer.runs.status import read_status

_KNOWN = re.compile(
    r"run\.json|metrics\.jsonl|evaluation\.json|evaluation(-[\w.]+)*\.png|early_stop\.json|report\.html|\.lock"
    r"|checkpoints|samples(/\d{8,}\.png)?|wandb|status\.json|control(/(save|stop))?"
    r"|tensorboard(/events\.out\.tfevents\.[\w.-]+)?"
    r"|logs(/\d{8}-\d{6}-\d+(/rank-\d{5,}\.log)?)?"
)
_LEFT_OVER = re.compile(r"(.*/)?\.(diptych-[0-9a-f]+|\d+(\.rank-\d+)?)\.tmp")
_MOST_NOTES = 20


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """Check that all files of a run are what was written. Exit status: 0 whole, 1 damaged, 2 no run."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Folder of the run, e.g. runs/NAME."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something about a run that its owner should know."""

    text: str
    is_damage: bool = True


def main(argv: list[str]) -> int:
    """Print what is wrong with a run, a line for each, and a summary. Returns the exit status.

    Raises:
        ConfigError: there is no run.
    """
    options = tyro.cli(VerifyOptions, args=argv, prog="diptych verify")
    run, console = RunDir(options.run), make_console()
    if not os.path.lexists(run.run_file):
        raise ConfigError("run", str(run.path), "holds no run.json; give the folder of a run, e.g. runs/NAME.")
    findings = list(verify_run(run))
    problems = [finding.text for finding in findings if finding.is_damage]
    notes = [finding.text for finding in findings if not finding.is_damage]
    for problem in problems:
        console.print(problem)
    for note in notes[:_MOST_NOTES]:
        console.print(f"note: {note}")
    if len(notes) > _MOST_NOTES:
        console.print(f"note: and {len(notes) - _MOST_NOTES} more")
    end = f"damaged, in {counted(len(problems), 'place')}" if problems else "whole"
    console.print(f"{run.path} is {end}.")
    return 1 if problems else 0


def verify_run(run: RunDir) -> Iterator[Finding]:
    """All that is wrong with a run, or worth a note."""
    files = (run.evaluations, run.early_stop, lambda: read_status(run.path), lambda: read_metrics(run.metrics_file))
    for read in (run.config, run.refuse_links, *files):
        try:
            read()
        except ConfigError as error:
            yield Finding(text=str(error))
    yield from _verify_checkpoints(run)
    yield from _verify_tree(run.path)


def _verify_checkpoints(run: RunDir) -> Iterator[Finding]:
    try:
        folders = numbered_folders(run.checkpoints)
    except CheckpointError as error:
        yield Finding(text=str(error))
        return
    for folder in folders:
        found = examine(folder, reads_all=True)
        if found.fault:
            remedy = f"{folder} is damaged: {found.fault}. Put a copy of it there, or delete it."
            yield Finding(text=remedy if found.is_damaged else found.fault)
        elif found.has_no_checksums:
            yield Finding(text=f"{folder} was written without checksums: damage cannot be seen.", is_damage=False)


def _verify_tree(folder: Path) -> Iterator[Finding]:
    """Links, pipes and the like, which a run has none of; and files that no run writes."""
    for path, mode in _walk(folder):
        name = path.relative_to(folder).as_posix()
        if stat.S_ISLNK(mode) and not (name.startswith("wandb/") and is_own_link(path, folder=folder / "wandb")):
            yield Finding(text=f"{path} is a link. Put the file itself there, or remove it.")
        elif not (stat.S_ISLNK(mode) or stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            yield Finding(text=f"{path} is no regular file. Remove it.")
        elif path.suffix == ".py" and stat.S_ISREG(mode):
            yield Finding(text=f"{path} is a program, which Diptych needs not: do not run it.", is_damage=False)
        elif _LEFT_OVER.fullmatch(name):
            yield Finding(text=f"{path} is left from a write that was killed: remove it.", is_damage=False)
        elif not (_KNOWN.fullmatch(name) or name.startswith(("checkpoints/", "wandb/"))):
            yield Finding(text=f"{path} is none of a run's files.", is_damage=False)


def _walk(folder: Path) -> Iterator[tuple[Path, int]]:
    """All entries below, with what they are. No link is followed."""
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError:
            continue  # whoever needs what is in it has said so
        for entry in entries:
            mode = entry.stat(follow_symlinks=False).st_mode
            yield Path(entry.path), mode
            if stat.S_ISDIR(mode):
                waiting.append(Path(entry.path))
