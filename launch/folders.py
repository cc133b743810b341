"""Folders of runs and sweeps that get a number where their name is taken."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path


def numbered_folders(parent: Path, name: str) -> Iterator[Path]:
    """`name`, `name-2`, `name-3` ... in `parent`, without end."""
    yield parent / name
    for number in count(2):
        yield parent / f"{name}-{number}"


def new_folder(parent: Path, *, asked: str | None, otherwise: str) -> Path:
    """The one that was asked for by name, whatever is there; else the first of `otherwise`, numbered, that is free."""
    if asked is not None:
        return parent / asked
    return next(path for path in numbered_folders(parent, otherwise) if not path.exists())


def newest_folder(parent: Path, *, asked: str | None, otherwise: str) -> Path | None:
    """The one that was asked for by name, else the last of `otherwise`, numbered without gaps; None if there is none.

    One that was asked for need not be there.
    """
    if asked is not None:
        return parent / asked
    newest = None
    for path in numbered_folders(parent, otherwise):
        if not path.exists():
            return newest
        newest = path
    return newest
