"""What rank 0 prints, on the launcher's terminal: as it comes, and without making anybody wait."""

import os
import queue
import sys
import threading
from typing import IO

from launch.ranks.messages import Output
from launch.ranks.output import without_drawing

FLUSH_S = 2.0
"""A terminal that takes nothing, as after Ctrl-S, is not waited for longer."""

_DRAWN = ("TERM", "COLORTERM", "NO_COLOR")


def terminal_settings(*, looks_itself: bool) -> dict[str, str]:
    """Environment with which rank 0, whose output comes through a pipe, draws for this terminal; empty without one.

    Args:
        looks_itself: whether it can ask the terminal how wide it is.
    """
    if not sys.stdout.isatty():
        return {}
    settings = {name: os.environ[name] for name in _DRAWN if name in os.environ} | {"TTY_COMPATIBLE": "1"}
    if not looks_itself:
        settings["COLUMNS"] = str(os.get_terminal_size(sys.stdout.fileno()).columns)
    return settings


class Display:
    """A thread that writes, so that a terminal that is stopped stops nothing else."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Output | threading.Event] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="display", daemon=True).start()

    @property
    def looks_itself(self) -> bool:
        """Whether a rank on this machine can ask the terminal how wide it is."""
        return sys.stdin.isatty()

    def settings(self, *, is_remote: bool) -> dict[str, str]:
        """Environment with which rank 0 draws for this terminal; empty without one."""
        return terminal_settings(looks_itself=self.looks_itself and not is_remote)

    def show(self, output: Output) -> None:
        """Show it soon."""
        self._waiting.put(output)

    def flush(self) -> None:
        """Wait until all is shown."""
        shown = threading.Event()
        self._waiting.put(shown)
        shown.wait(FLUSH_S)

    def __enter__(self) -> "Display":
        return self

    def __exit__(self, *error: object) -> None:
        self.flush()

    def _run(self) -> None:
        while True:
            item = self._waiting.get()
            if isinstance(item, threading.Event):
                item.set()
            else:
                _write(sys.stderr if item.to_stderr else sys.stdout, item.text.encode("latin-1"))


def _write(stream: IO[str], content: bytes) -> None:
    """What is not a terminal gets no colours, which rank 0 may draw for the other stream."""
    shown = content if stream.isatty() else without_drawing(content)
    try:
        stream.flush()
        stream.buffer.write(shown)  # type: ignore[attr-defined]
        stream.buffer.flush()  # type: ignore[attr-defined]
    except (OSError, ValueError):  # nobody reads it any more: the display is not the work
        return
