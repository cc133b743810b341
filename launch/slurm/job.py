"""`python -m launch.slurm.job RUN ...`: what a job is from its first moment to its last, on its first node.

It starts the launcher, passes Slurm's signals on, and decides afterwards whether the job goes back to the queue.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

from launch.ranks.interpreter import module_command
from launch.slurm.arguments import parse_arguments
from launch.slurm.controller import SlurmError, job_state, requeue, submit
from launch.slurm.cycles import Cycle, begin_cycle, note_chained, saved_position
from launch.slurm.decision import MOST_IDLE, Ending, Stop, no_progress_text, what_next
from launch.slurm.script import script_path
from sharding.console import command_line, guard_terminal, make_console
from trainer.config.errors import ConfigError
from trainer.loop.stop import STOP_SIGNALS, handle
from trainer.ranks.exits import NO_PROGRESS, WRONG_INPUT
from trainer.runs.rundir import RunDir


def main(argv: Sequence[str]) -> int:
    """Train, and queue again where training has not ended. Returns the job's exit status."""
    run, job = RunDir(parse_arguments(argv).run), os.environ["SLURM_JOB_ID"]
    console = make_console(stderr=True)
    try:
        cycle = begin_cycle(run, job=job)
    except ConfigError as error:
        console.error(error)
        return WRONG_INPUT
    if cycle.idle >= MOST_IDLE:
        console.error(no_progress_text(saved_position(run)))
        return NO_PROGRESS
    with Launcher(argv) as launcher:
        status = launcher.wait()
        try:
            return _act(run, _ending(run, cycle, status=status, was_told=launcher.was_told))
        except SlurmError as error:
            again = command_line("sbatch", script_path(run.path))
            console.error(f"job {job} could not be queued again. {error}. To go on: {again}")
            return status if status >= 0 else 128 - status


def _ending(run: RunDir, cycle: Cycle, *, status: int, was_told: bool) -> Ending:
    return Ending(
        status=status,
        was_told=was_told,
        job=job_state(cycle.job),
        before=cycle.position or 0,
        after=saved_position(run),
        idle=cycle.idle,
    )


def _act(run: RunDir, ending: Ending) -> int:
    """Do what is best next. Returns the job's exit status. Raises SlurmError."""
    job, decided = os.environ["SLURM_JOB_ID"], what_next(ending)
    console = make_console(stderr=True)
    if isinstance(decided, Stop):
        if decided.reason:
            console.error(decided.reason, title=f"job {job}:")
        return decided.status
    console.print(f"job {job}: {decided.reason}; saved after {ending.after} images. It is queued again.")
    sys.stderr.flush()
    try:
        requeue(job)
    except SlurmError as error:
        chained = submit(script_path(run.path))
        note_chained(run, job=chained)
        console.print(f"job {job}: it may not be queued again ({error}): job {chained} goes on.")
    return ending.status if ending.status >= 0 else 128 - ending.status


class Launcher:
    """The launcher as a process of its own: whatever becomes of it, somebody is left to decide."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._command = module_command("launch.slurm.launcher", *argv)
        self._process: subprocess.Popen[bytes] | None = None
        self._received: list[int] = []

    @property
    def was_told(self) -> bool:
        """Whether a signal came that the time is nearly over."""
        return bool(self._received)

    def __enter__(self) -> "Launcher":
        handle(self._hear)
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, start_new_session=True)
        for number in self._received:  # before there was anyone to pass them on to
            self._process.send_signal(number)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        for number in STOP_SIGNALS:  # of a job that has just finished none is to make a failure
            signal.signal(number, signal.SIG_IGN)

    def wait(self) -> int:
        """Its exit status when it has ended; negative if a signal ended it."""
        assert self._process is not None
        return self._process.wait()

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self._received.append(number)
        if self._process is not None:
            self._process.send_signal(number)


if __name__ == "__main__":
    guard_terminal()
    sys.exit(main(sys.argv[1:]))
