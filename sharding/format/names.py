"""Names that tar, DALI's index (split at spaces) and WebDataset (split at the first dot) all read back alike."""

import hashlib
import re
from typing import Any
from urllib.parse import quote

from sharding.errors import OptionError

MAX_KEY_LENGTH = 60
"""A ustar name holds 100 bytes; the rest is for the view's extension."""

_VIEW = re.compile(r"[a-z][a-z0-9_]{0,29}")


def key_of(stem: str) -> str:
    """The sample's key for a file called `stem`: other characters than letters, digits, `_` and `-` become `%XX`.

    Different stems have different keys. A long one is cut, and its SHA-256 tells it from others.
    """
    key = quote(name_bytes(stem), safe="").replace(".", "%2E").replace("~", "%7E")
    if len(key) <= MAX_KEY_LENGTH:
        return key
    digest = hashlib.sha256(name_bytes(stem)).hexdigest()[:16]
    return f"{key[: MAX_KEY_LENGTH - 17]}-{digest}"


def name_bytes(name: str) -> bytes:
    """A file's name as the disk has it, where Python shows bytes that are no UTF-8 as halves of characters."""
    return name.encode(errors="surrogateescape")


def name_from_bytes(name: bytes) -> str:
    """The inverse of `name_bytes`."""
    return name.decode(errors="surrogateescape")


def storable(value: Any) -> Any:
    """JSON values in which bytes of file names that are no UTF-8 are spelt out, as in `caf\\xe9`."""
    match value:
        case str():
            return name_bytes(value).decode(errors="backslashreplace")
        case dict():
            return {storable(key): storable(item) for key, item in value.items()}
        case list() | tuple():
            return [storable(item) for item in value]
        case _:
            return value


def check_view_name(option: str, name: str) -> None:
    """Reject a name that cannot stand in a tar or on a command line."""
    if not _VIEW.fullmatch(name):
        raise OptionError(f"{option} {name!r}: use up to 30 small letters, digits and _, a letter first.")
