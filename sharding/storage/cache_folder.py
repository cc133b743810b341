"""What in a cache's folder is the cache's. Nothing else there is opened, counted or removed, and no link followed."""

import os
import re
from pathlib import Path

from sharding.errors import DatasetError
from sharding.storage.files import NotRegularError, regular_descriptor, write_atomically

MARKER = "CACHEDIR.TAG"
"""Makes a folder the cache's. The name, and its first line, are what tools for backups look for in a cache."""

_SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"
_OWNER = b"# Shards of remote data sets, kept by diptych."
_CONTENT = _SIGNATURE + b"\n" + _OWNER + b" It may be deleted whenever nothing runs.\n"

SHA256 = re.compile(r"[0-9a-f]{64}")
_COUNTED = re.compile(r"[0-9a-f]{64}(\.part)?")
_OWN = re.compile(r"[0-9a-f]{64}(\.part|\.lock)?|room\.lock|\.diptych-[0-9a-f]{16}\.tmp")


def claim(folder: Path) -> None:
    """Make the folder, or see that it is a cache already: all in it is removed in time.

    Raises:
        DatasetError: it holds something else.
        OSError: it cannot be made or read.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if _is_marked(folder):
        return
    with os.scandir(folder) as entries:
        foreign = _foreign(list(entries))
    if foreign and not _is_marked(folder):  # which another process may have done meanwhile
        raise DatasetError(
            f"{folder} is no cache: it holds {foreign}, and old files of a cache are removed. Name a folder that is "
            "new or empty with --data.cache-dir or the variable DIPTYCH_CACHE."
        )
    write_atomically(folder / MARKER, _CONTENT)


def open_kept(path: Path) -> int | None:
    """A descriptor of a file of the cache for reading; None if there is none, or something else than a plain file."""
    try:
        return regular_descriptor(path)
    except (FileNotFoundError, NotRegularError):
        return None


def counted_files(folder: Path) -> list[tuple[Path, os.stat_result]]:
    """Kept or on their way, the one that was not opened for longest first."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                if _COUNTED.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    found.append((Path(entry.path), entry.stat(follow_symlinks=False)))
            except FileNotFoundError:  # its download was given up, or has ended: then the next look counts it
                continue
    return sorted(found, key=lambda item: item[1].st_mtime_ns)


def _foreign(entries: list[os.DirEntry[str]]) -> str | None:
    """The first name that is not the cache's. Caches without a marker were made before there was one, with a lock."""
    is_old_cache = any(entry.name == "room.lock" and _is_own(entry) for entry in entries)
    names = (entry.name for entry in entries if not _is_own(entry) or (entry.name[:1] != "." and not is_old_cache))
    return min(names, default=None)


def _is_own(entry: os.DirEntry[str]) -> bool:
    return _OWN.fullmatch(entry.name) is not None and entry.is_file(follow_symlinks=False)


def _is_marked(folder: Path) -> bool:
    descriptor = open_kept(folder / MARKER)
    if descriptor is None:
        return False
    try:
        return os.pread(descriptor, len(_CONTENT), 0).startswith(_SIGNATURE + b"\n" + _OWNER)
    finally:
        os.close(descriptor)
