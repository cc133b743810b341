"""Whether a file can be one of torch's, told by its first bytes: without torch, which takes seconds to load."""

from pathlib import Path

_BEGINNINGS = (b"PK\x03\x04", b"\x80")
"""Of a zip archive, as torch writes since 1.6, and of a pickle, as it did before."""


def can_be_of_torch(path: Path) -> bool:
    """False of a file that holds something else. Raises OSError if it cannot be read."""
    with path.open("rb") as file:
        return file.read(4).startswith(_BEGINNINGS)
