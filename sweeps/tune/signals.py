"""Signals to stop, while Tune runs a sweep."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from trainer.loop.stop import STOP_SIGNALS, handle, restore

_TUNES_SIGNAL = signal.SIGUSR1
"""By which Tune itself is told to end its trials."""


@contextmanager
def stop_signals() -> Iterator[None]:
    """Let the first signal to stop have Tune end its trials. A second one of its kind ends the process as usual.

    That is counted here: Tune, when it is told, sets the handler of SIGINT back to the one it found. And a terminal
    that is closed is told of by the kernel and by the shell.
    """
    heard: set[int] = set()

    def stop(number: int, frame: object) -> None:
        if number in heard:
            if number != signal.SIGHUP:
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)
            return
        heard.add(number)
        if signal.getsignal(_TUNES_SIGNAL) == signal.SIG_DFL:
            raise KeyboardInterrupt  # Tune does not listen yet
        signal.raise_signal(_TUNES_SIGNAL)

    former = handle(stop, [number for number in STOP_SIGNALS if number != _TUNES_SIGNAL])
    try:
        yield
    finally:
        restore(former)
