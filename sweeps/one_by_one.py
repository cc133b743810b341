"""Commands run one after the other, each in a process of its own: what one leaves in memory is not the next one's."""

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from trainer.loop.stop import handle, restore

_LARGEST_FAILURE = 128
"""A greater exit status is that of a process that was ended by a signal."""
_FROM_TERMINAL = (signal.SIGINT, signal.SIGHUP)
"""Sent to all processes of a terminal."""


def run_to_end(command: Sequence[str], *, folder: Path | None = None) -> int:
    """Run a command, here or in a folder. Returns its exit status.

    Signals to stop are passed on, and a run saves itself. So does it at Ctrl-C or when the terminal is closed, of which
    it hears by itself.
    """
    process = subprocess.Popen(command, cwd=folder)
    former = handle(lambda number, _: None if number in _FROM_TERMINAL else process.send_signal(number))
    try:
        return process.wait()
    finally:
        restore(former)


def was_stopped(status: int) -> bool:
    """Whether a process was told to stop, rather than failed by itself."""
    return status < 0 or status > _LARGEST_FAILURE
