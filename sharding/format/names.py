"""Names that tar, DALI's index (split at spaces) and WebDataset (split at the first dot) all read back alike."""

import hashlib
import re
from urllib.parse import quote

from sharding.errors import OptionError

MAX_KEY_LENGTH = 60
"""A ustar name holds 100 bytes; the rest is for the view's extension."""

_VIEW = re.compile(r"[a-z][a-z0-9_]{0,29}")


def key_of(stem: str) -> str:
    """The sample's key for a file called `stem`: other characters than letters, digits, `_` and `-` become `%XX`.

    Different stems have different keys. A long one is cut, and its SHA-256 tells it from others.
    """
    key = quote(stem, safe="").replace(".", "%2E").replace("~", "%7E")
    if len(key) <= MAX_KEY_LENGTH:
        return key
    digest = hashlib.sha256(stem.encode()).hexdigest()[:16]
    return f"{key[: MAX_KEY_LENGTH - 17]}-{digest}"


def check_view_name(option: str, name: str) -> None:
    """Reject a name that cannot stand in a tar or on a command line."""
    if not _VIEW.fullmatch(name):
        raise OptionError(f"{option} {name!r}: use up to 30 small letters, digits and _, a letter first.")
