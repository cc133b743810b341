"""`diptych train` and `diptych launch`: from the command line to started ranks."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import tyro

from launch.commands.options import ResumeOptions, TrainOptions
from launch.embedded import ensure_dataset
from launch.machine.devices import count_gpus
from launch.ranks.local import start_ranks
from sharding.console import make_console, one_line
from sharding.format.manifest_file import read_manifest
from trainer.config.errors import ConfigError
from trainer.data.subject import Subject, describe_watched
from trainer.evaluation.scores import check_kept_score
from trainer.presets import DEFAULT, describe_preset, load_preset, preset_names
from trainer.runs.config import RunConfig, config_from_dict, config_to_dict
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir
from trainer.runs.task import check_task

_console = make_console()


def train_command(argv: list[str]) -> int:
    """Start a run on a data set that is there, or continue one with --resume. Returns the exit status."""
    if any(argument.split("=")[0] == "--resume" for argument in argv):
        return _resume(tyro.cli(ResumeOptions, args=argv, prog="diptych train"))
    preset, options = parse_train(argv, prog="diptych train")
    check_dataset(options.config)
    return _start(_new_run(options, preset), preset=preset, options=options)


def launch_command(argv: list[str]) -> int:
    """Make the embedded data set if it is missing; continue the preset's unfinished run, or start a new one."""
    preset, options = parse_train(argv, prog="diptych launch")
    ensure_dataset(options.config.data.path)
    check_dataset(options.config)
    unfinished = _unfinished_run(options, preset)
    if unfinished is not None:
        _console.print(f"{unfinished.path} is not finished: continuing it.")
        return start_ranks(unfinished.path, config=options.config, asked=options.num_procs)
    return _start(_new_run(options, preset), preset=preset, options=options)


def parse_train(argv: list[str], *, prog: str) -> tuple[str, TrainOptions]:
    """The preset, which may come first, and the options that change it.

    Raises:
        ConfigError: no such preset, or an impossible value. A misspelt flag ends the process, with suggestions.
    """
    named = bool(argv) and not argv[0].startswith("-")
    preset = argv[0] if named else DEFAULT
    default = TrainOptions(config=load_preset(preset))
    description = (
        f"{describe_preset(preset)}\n\nThe defaults below are those of the preset {preset}. "
        f"Another may come first: {', '.join(preset_names())}."
    )
    options = tyro.cli(
        TrainOptions, args=argv[named:], default=default, prog=f"{prog} [PRESET]", description=description
    )
    options.config.check_hardware(count_gpus())
    options.config.data.share_cache()
    return preset, options


def check_dataset(config: RunConfig) -> None:
    """Raises ConfigError or DatasetError if the data set is missing or lacks what the run wants of it."""
    _check(_new_subject(config), config)


def _check(subject: Subject, config: RunConfig) -> None:
    check_task(subject)
    check_kept_score(config.checkpoint.keep_best, subject)


def _new_subject(config: RunConfig) -> Subject:
    return Subject.begin(data=config.data, method=config.method, manifest=read_manifest(config.data.path))


def _resume(options: ResumeOptions) -> int:
    opened = open_run(RunDir(options.resume))
    _check(opened.subject, opened.config)
    _tell_watched(opened.subject)
    return start_ranks(options.resume, config=opened.config, asked=options.num_procs)


def _start(run: RunDir, *, preset: str, options: TrainOptions) -> int:
    subject = run.create(options.config, preset=preset, command=sys.argv)
    status = 1
    try:
        _console.print(f"run: {run.path}")
        _tell_watched(subject)
        status = start_ranks(run.path, config=options.config, asked=options.num_procs)
    finally:
        if status:
            run.discard_unless_begun()
    return status


def _tell_watched(subject: Subject) -> None:
    text = describe_watched(subject)
    if text is not None:
        _console.print(one_line(text))


def _new_run(options: TrainOptions, preset: str) -> RunDir:
    """The named folder, or the first of `preset`, `preset-2`, `preset-3` ... that is free."""
    if options.name is not None:
        return RunDir(options.runs / options.name)
    return next(run for run in _numbered_runs(options.runs, preset) if not run.path.exists())


def _unfinished_run(options: TrainOptions, preset: str) -> RunDir | None:
    """The preset's newest run, if it has the same configuration and was not finished."""
    if options.name is not None:
        runs = [RunDir(options.runs / options.name)]
    else:
        runs = []
        for run in _numbered_runs(options.runs, preset):
            if not run.path.exists():
                break
            runs.append(run)
    if not runs or not runs[-1].run_file.is_file() or not same_config(runs[-1], options.config):
        return None
    # `diptych evaluate` scores stopped runs, too: scores alone do not tell that a run is finished.
    subject = replace(_new_subject(options.config), held_out=runs[-1].held_out())
    return None if runs[-1].is_finished(subject.final_split) else runs[-1]


def same_config(run: RunDir, config: RunConfig) -> bool:
    """Whether a run was started with just this configuration. Raises ConfigError if its run.json is damaged."""
    values = run.record()["config"]
    try:
        return config_to_dict(config_from_dict(values)) == config_to_dict(config)
    except ConfigError:  # another version's
        return False


def _numbered_runs(folder: Path, name: str) -> Iterator[RunDir]:
    yield RunDir(folder / name)
    for number in count(2):
        yield RunDir(folder / f"{name}-{number}")
