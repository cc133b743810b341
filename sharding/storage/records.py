"""Reading JSON files of our own, as those of a run, which may come from a stranger or from a failing disk.

Whatever lies there gives the value or an error with a reason: a pipe is not waited for, a link not followed, a file
without end not read.
"""

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, TypeVar

from sharding.storage.files import NotRegularError, open_regular, read_regular
from sharding.storage.strict_json import load_json
from sharding.storage.typed import adapter_of

T = TypeVar("T")

MEBIBYTE = 2**20
_LONGEST_VALUE = 60  # characters of a wrong value that are shown


class RecordError(ValueError):
    """A file is not what it should be. The message is the reason alone: whoever asked knows the file and the remedy."""


def open_record(path: Path) -> BufferedReader:
    """A plain file, to read.

    Raises:
        FileNotFoundError: there is nothing.
        RecordError: it is a link, a folder, a pipe or a device, or cannot be read.
    """
    with _as_record_error():
        return open_regular(path)


def read_record(path: Path, *, most: int) -> bytes:
    """All of a plain file of up to `most` bytes. Raises as `open_record`, and RecordError if it is larger."""
    with _as_record_error():
        return read_regular(path, most=most)


@contextmanager
def _as_record_error() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        is_reason = isinstance(error, NotRegularError) or error.errno == errno.EFBIG
        raise RecordError(f"{error.strerror}" if is_reason else f"cannot be read: {error.strerror}") from error


def parse_json(content: bytes) -> Any:
    """Raises RecordError if it is no JSON in UTF-8, or none that could be written again."""
    try:
        value, _ = load_json(content)
        if b"\\u" in content:
            json.dumps(value, ensure_ascii=False).encode()  # halves of a character, which nothing can print
    except (ValueError, RecursionError) as error:
        raise RecordError(f"is not JSON ({error})") from error
    return value


def checked(value: Any, kind: type[T]) -> T:
    """A value of `parse_json` as what `kind` says it is.

    Raises:
        RecordError: naming the first entry that is not as it should be.
    """
    from pydantic import ValidationError  # not before there is a file to be read: it takes a tenth of a second

    try:
        # As JSON: there, and not from a dict, pydantic makes a dataclass without turning "1" into 1 as well.
        return adapter_of(kind).validate_json(json.dumps(value), strict=True)
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
