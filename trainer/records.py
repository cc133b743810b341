"""Reading the JSON files of a run, which may come from a stranger or from a failing disk.

Whatever lies there gives the value or an error with a reason: a pipe is not waited for, a link not followed, a file
without end not read.
"""

import errno
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")

MEBIBYTE = 2**20
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LONGEST_VALUE = 60  # characters of a wrong value that are shown


class RecordError(ValueError):
    """A file is not what it should be. The message is the reason alone: whoever asked knows the file and the remedy."""


def open_regular(path: Path) -> IO[bytes]:
    """A plain file, to read.

    Raises:
        FileNotFoundError: there is nothing.
        RecordError: it is a link, a folder, a pipe or a device, or cannot be read.
    """
    try:
        descriptor = os.open(path, _READ)
    except FileNotFoundError:
        raise
    except OSError as error:
        is_link = error.errno == errno.ELOOP
        raise RecordError("is a link, which is not followed" if is_link else f"cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise RecordError("is no regular file")
    return os.fdopen(descriptor, "rb")


def read_bytes(path: Path, *, most: int) -> bytes:
    """All of a plain file of up to `most` bytes. Raises as `open_regular`, and RecordError if it is larger."""
    with open_regular(path) as file:
        try:
            content = file.read(most + 1)
        except OSError as error:
            raise RecordError(f"cannot be read: {error.strerror}") from error
    if len(content) > most:
        raise RecordError(f"is larger than {most // MEBIBYTE} MiB")
    return content


def parse_json(content: bytes) -> Any:
    """Raises RecordError if it is no JSON in UTF-8, or none that could be written again."""
    try:
        value = json.loads(content.decode())
        if b"\\u" in content:
            json.dumps(value, ensure_ascii=False).encode()  # halves of a character, which nothing can print
    except (ValueError, RecursionError) as error:
        raise RecordError(f"is not JSON ({error})") from error
    return value


def checked(value: Any, adapter: Callable[[], TypeAdapter[T]]) -> T:
    """A value of `parse_json` as what `adapter()` makes of it.

    Raises:
        RecordError: naming the first entry that is not as it should be.
    """
    try:
        # As JSON: there, and not from a dict, pydantic makes a dataclass without turning "1" into 1 as well.
        return adapter().validate_json(json.dumps(value), strict=True)
    except RecursionError as error:
        raise RecordError(f"is not what a run writes ({error})") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        shown = repr(first.get("input"))
        shown = shown if len(shown) <= _LONGEST_VALUE else shown[:_LONGEST_VALUE] + "…"
        if first["type"] == "missing":
            raise RecordError(f"lacks {where}") from error
        raise RecordError(f"has {where or 'all of it'} = {shown}: {first['msg']}") from error
