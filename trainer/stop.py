"""Being told to stop: finish the step in progress, save, and end."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from trainer.lifeline import has_launcher

INTERRUPTED = 128 + signal.SIGTERM
"""Exit status of a run that was told to stop, and has saved itself."""

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""From `kill`, Ctrl-C, a terminal that is closed, and batch systems whose time is nearly over."""


class StopFlag:
    """Set by the first signal; a second one of the same kind ends the process as usual.

    Except in a rank that has a launcher, which decides when it is to end: batch systems signal all processes at once,
    so that each rank hears of it twice. And a terminal that is closed is told of by the kernel and by the shell.
    """

    def __init__(self) -> None:
        self.is_set = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.is_set = True
        if number != signal.SIGHUP and not has_launcher():
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def stop_signals() -> Iterator[StopFlag]:
    """While inside, signals to stop only set the flag: the step in progress is finished and saved."""
    stop = StopFlag()
    former = handle(stop)
    try:
        yield stop
    finally:
        # A rank that hears of it twice must not be ended between its save and its last words.
        if not (stop.is_set and has_launcher()):
            restore(former)


def handle(handler: Callable[[int, FrameType | None], None]) -> dict[int, Any]:
    """Have signals to stop handled, but not those that this process was started to ignore, as `nohup` does.

    Returns the former handlers, for `restore`.
    """
    heard = [number for number in STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    return {number: signal.signal(number, handler) for number in heard}


def restore(former: dict[int, Any]) -> None:
    """Undo `handle`."""
    for number, handler in former.items():
        signal.signal(number, handler)
