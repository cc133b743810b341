"""What each rank runs: `python -m trainer.main runs/NAME`.

What takes seconds to import is imported where failures are told already.
"""

import contextlib
import os
import sys
from pathlib import Path

from sharding.console import PlainConsole, guard_terminal, make_console
from sharding.errors import DatasetError
from trainer.loop.errors import exit_status, failures_recorded, is_explained
from trainer.loop.stop import end_with_launcher
from trainer.ranks.collector import collector_paused
from trainer.ranks.exits import FINISHED, STOPPED
from trainer.ranks.failures import described, is_recorded, is_secondary, watch_for_crashes
from trainer.runs.opened import OpenRun, open_run
from trainer.runs.rundir import RunDir


def main(folder: Path) -> int:
    """Train the run in `folder` to its end, or continue it; score it. Returns the exit status, of `ranks.exits`."""
    watch_for_crashes()
    end_with_launcher()
    console = make_console()
    try:
        with failures_recorded():
            return _train(RunDir(folder), console)
    except Exception as error:
        _tell(error, console)
        return exit_status(error)


def _tell(error: Exception, console: PlainConsole) -> None:
    """Say why this rank fails: to the user where it is the main one, else to its log.

    Without a launcher that keeps logs, only what may concern one rank alone is said by each: a shard can be damaged,
    or out of reach, for one.
    """
    rank = os.environ.get("RANK", "0")
    title = "error:" if rank == "0" else f"error on rank {rank}:"
    if is_recorded() and is_secondary(error):
        console.error(f"another rank is gone, or does not answer: {described(error)}", title=title)
    elif not is_explained(error):
        sys.excepthook(type(error), error, error.__traceback__)
    elif rank == "0" or is_recorded() or isinstance(error, DatasetError):
        console.error(error, title=title)


def _train(run: RunDir, console: PlainConsole) -> int:
    opened = open_run(run)
    # A launcher holds the lock for all attempts: a rank of an earlier one, on a frozen host, must not hold up the next.
    if "DIPTYCH_ATTEMPT" not in os.environ and os.environ.get("RANK", "0") == "0":
        with run.only_process():
            return _train_alone(opened, console)
    return _train_alone(opened, console)


def _train_alone(opened: OpenRun, console: PlainConsole) -> int:
    with collector_paused():
        from trainer.loop.session import train_run

    return train_run(opened, console)


def _end(status: int) -> None:
    """Of a rank that others wait for, at once if it failed: as Python takes its objects down, gloo has connections to
    close whose other ends are gone, which took until the launcher lost patience."""
    if is_recorded() and status not in (FINISHED, STOPPED):
        with contextlib.suppress(OSError, ValueError):  # nobody reads them
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    guard_terminal()
    _end(main(Path(sys.argv[1])))
