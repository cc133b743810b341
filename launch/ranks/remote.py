"""A command on another host, through a process of ssh that does not outlive its purpose."""

import contextlib
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import IO

_MOST_BYTES = 1 << 20
"""Of what a command says, its end is kept."""
_LAST_WORDS_S = 2.0


class Remote:
    """A command that runs on a host.

    Args:
        words: of ssh, as `launch.ranks.ssh.Ssh.command` gives them.
        first: what its standard input begins with, which stays open until it is closed.

    Raises:
        OSError: ssh cannot be started.
    """

    def __init__(self, words: Sequence[str], *, first: bytes) -> None:
        # In a session of its own: Ctrl-C on the terminal is told to the launcher alone, which tells the hosts.
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            words,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._input = self._process.stdin
        # Written by a thread: ssh reads nothing until it is connected, and a pipe holds little.
        self._writer = _start(_write, self._input, first)
        self._output, self._said = _Kept(self._process.stdout), _Kept(self._process.stderr)

    def poll(self) -> int | None:
        """The exit status; None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> int | None:
        """The exit status; None if it still runs after so long."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=max(0.0, seconds))
        return self._process.poll()

    @property
    def output(self) -> str:
        """What it printed; all of it if it has ended."""
        return self._output.text(wait_s=0.0 if self.poll() is None else _LAST_WORDS_S)

    @property
    def said(self) -> str:
        """What it, or ssh, wrote to the standard error."""
        return self._said.text(wait_s=0.0 if self.poll() is None else _LAST_WORDS_S)

    def end_input(self) -> None:
        """Let its standard input end: there is nobody here any more."""
        if not self._writer.is_alive():
            with contextlib.suppress(OSError):
                self._input.close()

    def close(self) -> None:
        """End ssh. What it runs on the host sees the end of its input."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._writer.join(_LAST_WORDS_S)
        self.end_input()


class _Kept:
    """The last of what comes out of a pipe."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._parts: deque[bytes] = deque()
        self._thread = _start(self._read)

    def text(self, *, wait_s: float) -> str:
        """Bytes that are no UTF-8 are replaced."""
        self._thread.join(wait_s)
        return b"".join(list(self._parts)).decode(errors="replace")

    def _read(self) -> None:
        size = 0
        with contextlib.suppress(OSError, ValueError), self._source:
            while part := self._source.read(1 << 14):
                self._parts.append(part)
                size += len(part)
                while size - len(self._parts[0]) >= _MOST_BYTES:
                    size -= len(self._parts.popleft())


def _start(work: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=work, args=arguments, name="ssh", daemon=True)
    thread.start()
    return thread


def _write(stream: IO[bytes], content: bytes) -> None:
    view = memoryview(content)
    with contextlib.suppress(OSError):  # it has ended already, which `poll` tells
        while view:
            view = view[stream.write(view) :]
