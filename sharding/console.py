"""What people read on a terminal. Names, paths and messages of others are text there: neither markup nor commands."""

import contextlib
import io
import logging
import os
import re
import shlex
import sys
import threading
import traceback
import unicodedata
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from sharding.storage.place import masked

_KEPT = "\n\t"
_CONTROL_PICTURES = 0x2400  # U+2400 to U+241F show the control characters 0 to 31
_MARKDOWN = re.compile(r"[\\`*\[\]<>|~&!]")
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Text in which control characters, changes of direction and bytes that are no UTF-8 are shown, not obeyed.

    Passwords and signatures in addresses are masked.
    """
    return masked(_UNSAFE.sub(_shown, text))


def one_line(text: object) -> str:
    """Printable, and no new line: a file's name cannot look like a message of ours."""
    return printable(str(text)).replace("\n", "\u240a").replace("\t", "\u2409")


def _shown(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    if code < 0x20:
        return chr(_CONTROL_PICTURES + code)
    if unicodedata.category(character) == "Cs":  # a byte of a file name that is no UTF-8
        return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else "\ufffd"
    return "\u2421" if code == 0x7F else "\ufffd"


class PlainConsole(Console):
    """A rich console that takes strings as they are: no markup, no highlighting, nothing that a terminal obeys."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)

    @property
    def is_live(self) -> bool:
        """Whether bars and tables can be drawn over themselves: on a terminal, and none that is dumb."""
        return self.is_terminal and not self.is_dumb_terminal

    def error(self, message: object, *, title: str = "error:") -> None:
        """Print what went wrong: to stderr, whatever else this console prints to."""
        console = self if self.stderr else make_console(stderr=True)
        console.print(Text(title, style="red"), str(message))

    def on_broken_pipe(self) -> None:
        """Go on without a reader, as after `| head`: the display is not the work."""
        self.quiet = True
        discard_output(self.file)


def make_console(*, stderr: bool = False, file: IO[str] | None = None, **settings: Any) -> PlainConsole:
    """The console of every command. Long lines are left to the terminal, so that paths can be copied."""
    return PlainConsole(
        stderr=stderr, file=file, **{"highlight": False, "markup": False, "emoji": False, "soft_wrap": True, **settings}
    )


def discard_output(stream: IO[str]) -> None:
    """Send to nowhere what is still to be written to a stream that nobody reads any more."""
    with contextlib.suppress(OSError, ValueError):  # no file, or closed
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def guard_terminal() -> None:
    """Show tracebacks, warnings and log lines as `printable` does: Python prints them without asking a console.

    Of every command's process, first of all. A terminal of few characters gets the others as escapes, and no error.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.excepthook = lambda kind, error, trace: _show_uncaught(error)
    threading.excepthook = lambda arguments: _show_uncaught(arguments.exc_value)
    warnings.showwarning = lambda message, category, *place: _show_warning(f"{category.__name__}: {message}")
    logging.lastResort = _LogLines(logging.WARNING)


class _LogLines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        make_console(stderr=True).print(self.format(record))


def _show_warning(message: str) -> None:
    make_console(stderr=True).print(message)


def _show_uncaught(error: BaseException | None) -> None:
    if error is not None and not isinstance(error, SystemExit):
        make_console(stderr=True).print("".join(traceback.format_exception(error)), end="")


def markdown_text(text: str) -> str:
    """Text for one line of a Markdown file, or one cell of a table: neither markup, nor HTML, nor a new line."""
    return _MARKDOWN.sub(r"\\\g<0>", " ".join(printable(text).split()))


def markdown_table(titles: Sequence[str], rows: Iterable[Sequence[str]], *, is_markup: bool = False) -> list[str]:
    """The lines of a table: the first column to the left, the others to the right.

    Args:
        is_markup: cells are Markdown of our own, e.g. bold, in which only what would end a cell is escaped; else they
            are text, as of `markdown_text`.
    """
    shown = (lambda cell: " ".join(cell.replace("|", "\\|").split())) if is_markup else markdown_text
    cells = [[shown(cell) for cell in row] for row in (titles, *rows)]
    rule = ["---", *["---:"] * (len(titles) - 1)]
    return [f"| {' | '.join(row)} |" for row in (cells[0], rule, *cells[1:])]


def counted(number: int, one: str, many: str = "") -> str:
    """A number and what there is of it, as `1 picture` and `2 pictures`.

    Args:
        one: the words after 1, a verb perhaps among them, as `image has`.
        many: after any other number; unless given: `one` and an s.
    """
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def command_line(*words: str | Path) -> str:
    """A command to copy: words with blanks or characters that mean something to a shell are quoted."""
    return shlex.join(map(str, words))
