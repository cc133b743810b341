"""The whole job of `diptych launch`: an unfinished run goes on, or the data set is made and a new one begins."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from launch.embedded import ensure_dataset
from launch.folders import newest_folder
from launch.run_options import TrainOptions
from launch.starting import check_dataset, check_upload, new_run, new_subject, same_config, same_origin, start_new
from launch.ways.table import train_on_machines
from launch.ways.way import Request
from sharding.console import make_console
from trainer.data.subject import FINAL_SPLITS
from trainer.runs.preset_file import preset_title
from trainer.runs.rundir import RunDir


def do_whole_job(words: list[str], options: TrainOptions, *, preset: str) -> int:
    """Returns the exit status.

    Args:
        words: the command's own, for a command that is run elsewhere.

    Raises:
        ConfigError: an impossible setting.
        DatasetError: the data set is missing or damaged, or could not be made.
    """
    request = Request(
        command="launch",
        words=tuple(words),
        config=options.config,
        machines=options.machines,
        run=expected_run(options, preset).path,
        in_run=partial(_in_run, options, preset),
    )
    return train_on_machines(request)


def _in_run(options: TrainOptions, preset: str, train: Callable[[RunDir], int]) -> int:
    ensure_dataset(options.config.data.path)
    check_dataset(options.config)
    unfinished = unfinished_run(options, preset)
    if unfinished is None:
        return start_new(options, train, preset=preset)
    make_console().print(f"{unfinished.path} is not finished: continuing it.")
    check_upload(unfinished, options.config)
    return train(unfinished)


def expected_run(options: TrainOptions, preset: str) -> RunDir:
    """The run that `unfinished_run` finds, or the new one, as far as can be told without the data set."""
    run = _same_run(options, preset)
    if run is None or run.early_stop() is not None:
        return new_run(options, preset=preset)
    total = options.config.train.total_images
    known = run.evaluations()  # those of another usage, such as "test, dropout off", end no run
    is_scored = any(known[split]["position"] >= total for split in FINAL_SPLITS if split in known)
    return new_run(options, preset=preset) if is_scored else run


def unfinished_run(options: TrainOptions, preset: str) -> RunDir | None:
    """The preset's newest run, if it has the same configuration and first weights, and was not finished."""
    run = _same_run(options, preset)
    if run is None:
        return None
    # `diptych evaluate` scores stopped runs, too: scores alone do not tell that a run is finished.
    subject = replace(new_subject(options.config), held_out=run.held_out())
    return None if run.is_finished(subject.final_split) else run


def _same_run(options: TrainOptions, preset: str) -> RunDir | None:
    newest = newest_folder(options.runs, asked=options.name, otherwise=preset_title(preset))
    if newest is None or not (run := RunDir(newest)).run_file.is_file():
        return None
    return run if same_config(run, options.config) and same_origin(run, options.source) else None
