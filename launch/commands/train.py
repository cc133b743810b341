"""`diptych train [PRESET]`: train on a data set that is there; --resume RUN continues a run."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from launch.arguments import asks_to_resume
from launch.run_options import TrainOptions, parse_train
from sharding.format.manifest_file import manifest_bytes

if TYPE_CHECKING:
    from trainer.runs.rundir import RunDir

_AFTER = (
    "--resume runs/NAME, without a preset, continues a run, also one that is finished: with --train.total-kimg for "
    "longer, with another --optimizer.lr or --train.batch-size-per-gpu; with --help it shows what the run has."
)


def main(argv: list[str]) -> int:
    """Start a run, or continue one with --resume. Returns the exit status.

    Raises:
        ConfigError: an impossible setting, or no such run.
        DatasetError: the data set is missing or damaged.
    """
    if asks_to_resume(argv):
        from launch.resuming import resume

        return resume(argv)
    return _train(argv, *parse_train(argv, prog="diptych train", after=_AFTER))


def _train(argv: list[str], preset: str, options: TrainOptions) -> int:
    if options.machines.are_here and isinstance(place := options.config.data.path, Path):
        manifest_bytes(place)  # that there is none is told before what starts ranks is loaded
    from launch.starting import new_run  # what starts ranks is not for who is told of a mistake
    from launch.ways.table import train_on_machines
    from launch.ways.way import Request

    request = Request(
        command="train",
        words=tuple(argv),
        config=options.config,
        machines=options.machines,
        run=new_run(options, preset=preset).path,
        in_run=partial(_in_run, options, preset),
    )
    return train_on_machines(request)


def _in_run(options: TrainOptions, preset: str, train: "Callable[[RunDir], int]") -> int:
    from launch.starting import check_dataset, start_new

    check_dataset(options.config)
    return start_new(options, train, preset=preset)
