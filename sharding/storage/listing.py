"""The files of a folder as people mean them: hidden ones are none, links are followed, and what is left out is told."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_JUNK = frozenset({"__MACOSX"})
"""Folders beside the pictures that programs make for themselves."""


@dataclass(kw_only=True)
class Tally:
    """How many there were, and the first of them."""

    most: int = 1000
    """Names that are kept; more are counted only."""
    count: int = 0
    paths: list[str] = field(default_factory=list)

    def add(self, path: str) -> None:
        """Count one."""
        self.count += 1
        if len(self.paths) < self.most:
            self.paths.append(path)


@dataclass(kw_only=True)
class PassedOver:
    """What lies in folders that were listed, and was not among their files."""

    hidden: Tally = field(default_factory=Tally)
    """Names that begin with a dot, as `._photo.jpg` and `.ipynb_checkpoints`, and `__MACOSX`."""
    folders: Tally = field(default_factory=lambda: Tally(most=sys.maxsize))
    """Sub-folders that were not entered."""
    failed: dict[str, str] = field(default_factory=dict)
    """Sub-folders that could not be entered, and why."""


def list_files(folder: Path, *, recursive: bool, passed: PassedOver) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """The files of a folder, in any order, each with the sub-folder that it lies in: empty, or as `sub/deeper/`.

    Whatever is no folder counts: a link to nowhere or a pipe, too, so that whoever reads it says what is wrong.

    Args:
        recursive: enter sub-folders, also those that are links; one that leads back to where it lies is not entered.
        passed: hears of all that is left out.

    Raises:
        OSError: the folder itself cannot be read.
    """
    waiting: list[tuple[str, str, tuple[str, ...]]] = [("", str(folder), (os.path.realpath(folder),))]
    while waiting:
        place, path, above = waiting.pop()
        inner: list[os.DirEntry[str]] = []
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if is_hidden(entry.name):
                        passed.hidden.add(entry.path)
                    elif is_folder(entry):
                        inner.append(entry)
                    else:
                        yield place, entry
        except OSError as error:
            if not place:
                raise
            passed.failed[path] = f"cannot be read ({error.strerror})"
        for entry in sorted(inner, key=lambda entry: entry.name):
            real = os.path.realpath(entry.path)
            if not recursive:
                passed.folders.add(entry.path)
            elif real in above:
                passed.failed[entry.path] = "is a link to a folder that it lies in itself"
            else:
                waiting.append((f"{place}{entry.name}/", entry.path, (*above, real)))


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is not meant by who names its folder."""
    return name.startswith(".") or name in _JUNK


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder, or a link to one; a link that goes round in a circle is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False
