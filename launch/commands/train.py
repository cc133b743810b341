"""`diptych train [PRESET]`: train on a data set that is there; --resume RUN continues a run."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from launch.arguments import asks_to_resume
from launch.ranks.local import start_ranks
from launch.starting import check_dataset, check_subject, parse_train, start_new, tell_watched
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

_PROG = "diptych train"


@dataclass(frozen=True, kw_only=True)
class ResumeOptions:
    """Continue a run from its newest complete checkpoint, with the configuration that it was started with."""

    resume: Path
    """Folder of the run, e.g. runs/NAME."""
    num_procs: int = 0
    """Ranks on this machine; 0 is one for each GPU, or one on the CPU."""


def main(argv: list[str]) -> int:
    """Start a run, or continue one with --resume. Returns the exit status.

    Raises:
        ConfigError: an impossible setting, or no such run.
        DatasetError: the data set is missing or damaged.
    """
    if asks_to_resume(argv):
        return _resume(tyro.cli(ResumeOptions, args=argv, prog=_PROG))
    preset, options = parse_train(argv, prog=_PROG)
    check_dataset(options.config)
    return start_new(options, preset=preset)


def _resume(options: ResumeOptions) -> int:
    opened = open_run(RunDir(options.resume))
    check_subject(opened.subject, opened.config)
    tell_watched(opened.subject)
    return start_ranks(options.resume, config=opened.config, asked=options.num_procs)
