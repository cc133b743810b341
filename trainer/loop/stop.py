"""Being told to stop, by a signal or by the end of the launcher: finish the step in progress, save, and end."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""From `kill`, Ctrl-C, a terminal that is closed, and batch systems whose time is nearly over."""

LIFELINE_VARIABLE = "DIPTYCH_LIFELINE"
"""Environment variable: the reading end of a pipe whose other end only the launcher of this rank holds."""

LAST_SAVE_S = 60.0
"""A rank without its launcher has this long to finish its step and save."""


class StopFlag:
    """The one way to stop: for now, by a signal, or for good.

    Set by the first signal; a second one of the same kind ends the process as usual.

    Except in a rank that has a launcher, which decides when it is to end: batch systems signal all processes at once,
    so that each rank hears of it twice. And a terminal that is closed is told of by the kernel and by the shell.
    """

    def __init__(self) -> None:
        self.is_set = False
        """A signal came: the run is to be continued later."""
        self.reason = ""
        """Why training is over before its last image; empty if it is not."""

    def end(self, reason: str) -> None:
        """Let training be over, on all ranks alike: as at its last image."""
        self.reason = reason

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.is_set = True
        if number != signal.SIGHUP and not has_launcher():
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def stop_signals(stop: StopFlag | None = None) -> Iterator[StopFlag]:
    """While inside, signals to stop only set the flag: the step in progress is finished and saved.

    Args:
        stop: a new one if not given.
    """
    stop = StopFlag() if stop is None else stop
    former = handle(stop)
    try:
        yield stop
    finally:
        # A rank that hears of it twice must not be ended between its save and its last words.
        if not (stop.is_set and has_launcher()):
            restore(former)


def handle(
    handler: Callable[[int, FrameType | None], None], numbers: Sequence[signal.Signals] = STOP_SIGNALS
) -> dict[int, Any]:
    """Have signals to stop handled, but not those that this process was started to ignore, as `nohup` does.

    Returns the former handlers, for `restore`.
    """
    return {number: signal.signal(number, handler) for number in _heard(numbers)}


def restore(former: dict[int, Any]) -> None:
    """Undo `handle`."""
    for number, handler in former.items():
        signal.signal(number, handler)


def stop_signal() -> signal.Signals:
    """How this process, or one that it started, is told to stop: by SIGTERM, unless the user has that ignored."""
    return next(iter(_heard(STOP_SIGNALS)), signal.SIGTERM)


def _heard(numbers: Sequence[signal.Signals]) -> list[signal.Signals]:
    return [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]


def has_launcher() -> bool:
    """Whether a launcher on this machine watches over this process, and ends it if it must."""
    return LIFELINE_VARIABLE in os.environ


def end_with_launcher() -> None:
    """Be told to stop when the launcher, if there is one, is gone; be ended a minute later.

    A pipe is closed however its holder ends. The kernel's own notice of a parent's death (PR_SET_PDEATHSIG) is weaker:
    it follows the parent's thread instead of its process, is missed if the parent dies first, and comes once, which a
    rank that is stuck does not hear.
    """
    if has_launcher():
        descriptor = int(os.environ[LIFELINE_VARIABLE])
        threading.Thread(target=_watch, args=(descriptor,), name="lifeline", daemon=True).start()


def _watch(descriptor: int) -> None:
    os.read(descriptor, 1)  # nothing is ever written: it returns when the other end is closed
    os.kill(os.getpid(), stop_signal())
    time.sleep(LAST_SAVE_S)
    os.kill(os.getpid(), signal.SIGKILL)
