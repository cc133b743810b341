"""What the commands that start a run share beside its options: the checks before it, its folder."""

import sys
from collections.abc import Callable
from pathlib import Path

from launch.extras import require_modules
from launch.folders import new_folder
from launch.run_options import TrainOptions
from sharding.console import make_console, one_line
from sharding.format.manifest_file import read_manifest
from trainer.checkpoints.source import find_origin
from trainer.config.encoders import require_file
from trainer.config.errors import ConfigError
from trainer.data.subject import Subject, describe_watched
from trainer.evaluation.judges.asked import check_fcn
from trainer.evaluation.scores import check_kept_score
from trainer.runs.config import RunConfig, changed, config_from_dict, config_to_dict, flatten
from trainer.runs.origin import origin_of
from trainer.runs.preset_file import preset_title
from trainer.runs.rundir import RunDir
from trainer.runs.task import check_task

_MOST_TOLD = 3
"""Settings that a message names."""


def check_dataset(config: RunConfig) -> Subject:
    """What a new run will learn from. Raises ConfigError or DatasetError if it is missing or lacks what is wanted."""
    subject = new_subject(config)
    check_subject(subject, config)
    return subject


def check_subject(subject: Subject, config: RunConfig) -> None:
    """Raises ConfigError or DatasetError if the data lack what the run wants of them, ModuleNotFoundError if this
    installation does."""
    log = config.log
    require_modules(*["tensorboardX"] * log.tensorboard, *["prometheus_client"] * bool(log.prometheus_port))
    check_task(subject)
    wanted = config.evaluate
    require_file(wanted.encoder_weights, field="evaluate.encoder_weights")
    if wanted.fcn is not None:
        _check_fcn(wanted.fcn, subject)
    kept = config.checkpoint.keep_best
    check_kept_score(kept, subject, encoder=wanted.on_the_way, fcn=wanted.fcn is not None)


def _check_fcn(fcn: Path, subject: Subject) -> None:
    field = "evaluate.fcn"
    check_fcn(fcn, subject, field=field)
    from trainer.evaluation.judges.fcn_file import open_fcn  # which loads torch

    open_fcn(fcn, subject.manifest.classes, data=str(subject.data.path), field=field)


def new_subject(config: RunConfig) -> Subject:
    """What a run that begins now would learn from. Raises DatasetError if there is no data set, or it is damaged."""
    return Subject.begin(data=config.data, method=config.method, manifest=read_manifest(config.data.path))


def new_run(options: TrainOptions, *, preset: str) -> RunDir:
    """Where a new run would lie: the named folder, or the first of `preset`, `preset-2` ... that is free."""
    return RunDir(new_folder(options.runs, asked=options.name, otherwise=preset_title(preset)))


def start_new(options: TrainOptions, train: Callable[[RunDir], int], *, preset: str) -> int:
    """Make the folder of `new_run`, and train there.

    Returns the exit status. Raises ConfigError if the named one is taken, or it cannot begin with what was asked for.
    """
    origin = None if options.source is None else find_origin(options.source).to_record()
    run = new_run(options, preset=preset)
    subject = run.create(options.config, preset=preset, command=sys.argv, origin=origin)
    status = 1
    try:
        make_console().print(f"run: {run.path}")
        check_upload(run, options.config)
        tell_watched(subject)
        status = train(run)
    finally:
        if status:
            run.discard_unless_begun()
    return status


def check_upload(run: RunDir, config: RunConfig) -> None:
    """Write a run's run.json to where its checkpoints are to be sent, if anywhere.

    Raises:
        ConfigError: another run's checkpoints lie there.
        DatasetError: the store cannot be reached, or not be written to.
    """
    if config.checkpoint.upload is None:
        return
    from trainer.checkpoints.remote.copy import begin_copy, copy_of  # which loads what speaks to stores

    copy = copy_of(run, config.checkpoint.upload)
    begin_copy(run, copy)
    make_console().print(f"checkpoints are sent to {copy.url} too")


def tell_watched(subject: Subject) -> None:
    """Print which images a run is judged by on its way, where that is not the validation split."""
    text = describe_watched(subject)
    if text is not None:
        make_console().print(one_line(text))


def same_origin(run: RunDir, source: Path | None) -> bool:
    """Whether a run began with the weights that are asked for now. Raises ConfigError if its run.json is damaged."""
    origin = origin_of(run.record())
    return (None if origin is None else origin.path) == (None if source is None else source.absolute())


def require_same_config(run: RunDir, config: RunConfig, *, field: str) -> None:
    """Raise ConfigError, which names the first settings that are others, unless a run was started with just these.

    Args:
        field: of the command line, that led to the run.
    """
    if same_config(run, config):
        return
    try:
        before = run.config()
    except ConfigError as error:
        what = f"was begun by another version ({error}); move it away."
        raise ConfigError(field, str(run.path), what) from error
    there, here = flatten(config_to_dict(before)), changed(config, since=before)
    told = [f"{path} = {there.get(path)!r}, and not {value!r}" for path, value in here.items()]
    more = f", and {len(told) - _MOST_TOLD} more" * (len(told) > _MOST_TOLD)
    what = f"was begun with other settings: {'; '.join(told[:_MOST_TOLD])}{more}. Move it away, or give another folder."
    raise ConfigError(field, str(run.path), what)


def same_config(run: RunDir, config: RunConfig) -> bool:
    """Whether a run was started with just this configuration. Raises ConfigError if its run.json is damaged."""
    values = run.record()["config"]
    try:
        return config_to_dict(config_from_dict(values)) == config_to_dict(config)
    except ConfigError:  # another version's
        return False
