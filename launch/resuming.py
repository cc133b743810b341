"""`diptych train --resume RUN`: a run goes on, perhaps with other settings."""

from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import tyro

from launch.hosts.options import Machines
from launch.starting import check_subject, check_upload, tell_watched
from launch.ways.way import Request
from sharding.console import make_console, one_line
from sharding.storage.place import Place, parse_place, store_problem
from trainer.checkpoints.layout import latest_checkpoint, numbered_folders
from trainer.checkpoints.source import check_origin
from trainer.config.errors import ConfigError
from trainer.loop.schedule import learning_rate
from trainer.runs.changes import check_length, find_changes, write_changes
from trainer.runs.config import RunConfig
from trainer.runs.opened import OpenRun, open_run
from trainer.runs.origin import origin_of
from trainer.runs.rundir import RunDir

_PROG = "diptych train"


@dataclass(frozen=True, kw_only=True)
class ResumeOptions:
    """Continue a run from its newest complete checkpoint. The defaults below are those that it was started with."""

    config: Annotated[RunConfig, tyro.conf.arg(name="")]
    resume: Path
    """Folder of the run, e.g. runs/NAME; or the address of its copy, s3://BUCKET/FOLDER/NAME, which is fetched to
    runs/NAME."""
    machines: Annotated[Machines, tyro.conf.arg(name="")] = field(default_factory=Machines)


def resume(argv: list[str]) -> int:
    """Continue the run that --resume names. Returns the exit status.

    Raises:
        ConfigError: an impossible setting, or no such run.
        DatasetError: the data set is missing or damaged.
    """
    run, argv = _fetched(argv)
    before = run.config()
    default = ResumeOptions(config=before, resume=run.path)
    options = tyro.cli(ResumeOptions, args=argv, default=default, prog=_PROG)
    request = Request(
        command="train",
        words=tuple(argv),
        config=options.config,
        machines=options.machines,
        run=run.path,
        in_run=partial(_in_old_run, run, options, find_changes(before, options.config)),
    )
    from launch.ways.table import train_on_machines  # ssh, Slurm, Ray: not for who is told of a mistake

    return train_on_machines(request)


def _in_old_run(run: RunDir, options: ResumeOptions, changes: dict[str, Any], train: Callable[[RunDir], int]) -> int:
    opened = open_run(run, data_path=options.config.data.path if "data.path" in changes else None)
    check_subject(opened.subject, options.config)
    _check_origin(run)
    if changes:
        _change(opened, options.config, changes)
    options.config.data.share_cache()
    check_upload(run, options.config)
    tell_watched(opened.subject)
    return train(run)


def _check_origin(run: RunDir) -> None:
    """What a run began with is needed until it has a checkpoint of its own. Raises ConfigError if it is gone."""
    origin = origin_of(run.record())
    if origin is not None and not numbered_folders(run.checkpoints):
        check_origin(origin)


def _run_of(argv: list[str]) -> Place:
    """What --resume names: the values of that run are the defaults of all other flags."""
    parser = ArgumentParser(prog=_PROG, add_help=False, allow_abbrev=False)
    parser.add_argument("--resume", type=parse_place, required=True)
    return parser.parse_known_args(argv)[0].resume


def _fetched(argv: list[str]) -> tuple[RunDir, list[str]]:
    """The run that --resume names, in a folder of this machine, and the arguments with that folder.

    Raises:
        ConfigError: there is none, or not there.
        DatasetError: the store cannot be read.
    """
    place = _run_of(argv)
    if isinstance(place, Path):
        return RunDir(place), argv
    problem = store_problem(place)
    if problem is not None:
        raise ConfigError("resume", str(place), problem)
    run = RunDir(Path("runs") / place.text.rpartition("/")[2])
    if "--dry-run" in argv:
        remedy = f"would be fetched to {run.path}, and --dry-run fetches nothing: leave it away, or fetch it first."
        raise ConfigError("resume", str(place), remedy)
    from trainer.checkpoints.remote.copy import RunCopy  # what speaks to stores is not for a run that lies here
    from trainer.checkpoints.remote.fetch import fetch_run

    fetch_run(RunCopy(place), run, say=lambda text: make_console().print(one_line(text)))
    words = (word.replace(place.text, str(run.path)) if place.text in word else word for word in argv)
    return run, list(words)


def _change(opened: OpenRun, config: RunConfig, changes: dict[str, Any]) -> None:
    """Write down what is another from here on, and say it."""
    newest = latest_checkpoint(opened.run.checkpoints)
    position = 0 if newest is None else int(newest.name)
    check_length(config, position=position)
    with opened.run.only_process():
        write_changes(opened.run, config, changes, position=position)
    console = make_console()
    for path, value in changes.items():
        console.print(one_line(f"from {position} images on: {path} = {value!r}"))
    total = config.train.total_images
    rate = learning_rate(config.optimizer, position=position, total=total)
    console.print(f"learning rate: {rate:.3g} at {position} of {total} images, {config.optimizer.schedule} schedule")
