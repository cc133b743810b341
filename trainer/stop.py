"""Being told to stop: finish the step in progress, save, and end."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class StopFlag:
    """Set by the first SIGTERM or SIGINT; a second one ends the process as usual."""

    def __init__(self) -> None:
        self.is_set = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.is_set = True
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def stop_signals() -> Iterator[StopFlag]:
    """While inside, SIGTERM and SIGINT only set the flag: the step in progress is finished and saved."""
    stop = StopFlag()
    former: dict[int, Any] = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
