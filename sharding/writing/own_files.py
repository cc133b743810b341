"""What in a folder is part of a data set, finished or in the making. Nothing else is ever removed or written over."""

import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sharding.format.manifest import FILE_NAME, REJECTED

JOURNAL = "journal.jsonl"

_OWN = re.compile(
    rf"{re.escape(FILE_NAME)}|{re.escape(JOURNAL)}|{re.escape(REJECTED)}|\.diptych-[0-9a-f]{{16}}\.tmp|"
    r"[^/]+/([a-z][a-z0-9_]*-)?\d{6}\.(tar|idx)"
)
_FIRST_LINE_BYTES = 4096


def files_below(folder: Path) -> Iterator[str]:
    """Paths, relative to `folder`, of all that is no folder; a link is none, whatever it leads to."""
    for parent, folders, names in os.walk(folder):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        yield from (Path(parent, name).relative_to(folder).as_posix() for name in sorted(names + links))


def foreign_file(folder: Path) -> str | None:
    """The first file below `folder` that is no part of a data set; every link is none. None if there is none."""
    return next((name for name in files_below(folder) if not _is_own(folder, name)), None)


def is_journal(path: Path) -> bool:
    """Whether a file is the journal of a data set in the making: new, or with our own first line."""
    try:
        with path.open("rb") as file:
            first = file.readline(_FIRST_LINE_BYTES)
        line = json.loads(first) if first else {"fingerprint": ""}
    except (OSError, ValueError):
        return False
    return isinstance(line, dict) and set(line) == {"fingerprint"}


def remove_own(folder: Path) -> None:
    """Remove the files of a data set, and the folders that are empty then; what is no part of it stays."""
    for name in list(files_below(folder)):
        if _is_own(folder, name):
            (folder / name).unlink(missing_ok=True)
    for parent, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            Path(parent).rmdir()


def _is_own(folder: Path, name: str) -> bool:
    try:
        mode = os.lstat(folder / name).st_mode
    except FileNotFoundError:  # taken away just now
        return True
    return bool(_OWN.fullmatch(name)) and stat.S_ISREG(mode) and (name != JOURNAL or is_journal(folder / name))
