"""What ranks print: into their logs, and of rank 0 also onward to the launcher's terminal, as it comes."""

import contextlib
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

TAIL_LINES = 20
"""Of a log, to show why its rank failed."""

_TAIL_BYTES = 16 << 10
_DRAWING = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_PART = 1 << 16


def log_name(rank: int) -> str:
    """The name of a rank's log."""
    return f"rank-{rank:05d}.log"


def without_drawing(content: bytes) -> bytes:
    """Without colours and movements of the cursor."""
    return _DRAWING.sub(b"", content)


class LogText:
    """What a terminal would show at last: bars that are drawn over themselves leave one line, and no colours."""

    def __init__(self) -> None:
        self._line = b""

    def feed(self, content: bytes) -> bytes:
        """The lines that are complete now."""
        *lines, self._line = (self._line + content).split(b"\n")
        self._line = self._line[self._line.rstrip(b"\r").rfind(b"\r") + 1 :]  # bars are drawn for days
        return b"".join(_shown(line) + b"\n" for line in lines)

    def rest(self) -> bytes:
        """The last line, which has no end."""
        return _shown(self._line)


def _shown(line: bytes) -> bytes:
    return without_drawing(line.rstrip(b"\r").rpartition(b"\r")[2])


class Pump:
    """Copies what a process prints into its log, and to `forward`, until nobody holds the pipe's other end."""

    def __init__(self, source: IO[Any], log: Path, *, forward: Callable[[bytes], None]) -> None:
        self._source = source
        self._log = log
        self._forward = forward
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait for the last words."""
        self._thread.join(seconds)

    def _run(self) -> None:
        text = LogText()
        with self._source:
            while part := os.read(self._source.fileno(), _PART):
                self._forward(part)
                append(self._log, text.feed(part))
        append(self._log, text.rest())


def append(log: Path, content: bytes) -> None:
    """Add to a log. On a full or lost disk nothing is added: what is printed is not the work."""
    if content:
        with contextlib.suppress(OSError), log.open("ab", buffering=0) as file:
            file.write(content)


def tail(log: Path, *, lines: int = TAIL_LINES) -> str:
    """The last lines of a log; empty if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            content = file.read()
    except OSError:
        return ""
    shown = [line.rstrip() for line in without_drawing(content).decode(errors="replace").splitlines()]
    return "\n".join([line for line in shown if line][-lines:])
