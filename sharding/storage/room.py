"""The bound of a cache's folder: what lies in it, and what must go for something new. Call with `room.lock` held.

Files on their way (`.part`) have their full size from the beginning, so that the room they will take is counted.
"""

import errno
import os
from pathlib import Path

from filelock import FileLock, Timeout

_NOT_COUNTED = ".lock"


def make_room(folder: Path, num_bytes: int, *, max_bytes: int) -> bool:
    """Remove what was not opened for longest until `num_bytes` more fit. False if files on their way have the room."""
    _remove_stale(folder)
    files = _files(folder)
    excess = sum(stat.st_size for _, stat in files) + num_bytes - max_bytes
    for path, stat in files:
        if excess > 0 and not path.suffix:
            path.unlink(missing_ok=True)
            excess -= stat.st_size
    return excess <= 0


def allocate(part: Path, num_bytes: int) -> bool:
    """Take room on the disk for a new file. False if it was full, and the file not opened for longest had to go.

    Raises:
        OSError: it is full, and nothing is left to go.
    """
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        if num_bytes:
            os.posix_fallocate(descriptor, 0, num_bytes)
    except OSError as error:
        part.unlink()
        oldest = next((path for path, _ in _files(part.parent) if not path.suffix), None)
        if error.errno != errno.ENOSPC or oldest is None:
            raise
        oldest.unlink(missing_ok=True)
        return False
    finally:
        os.close(descriptor)
    return True


def _files(folder: Path) -> list[tuple[Path, os.stat_result]]:
    """Kept or on their way, the one that was not opened for longest first."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.endswith(_NOT_COUNTED):
                try:
                    found.append((Path(entry.path), entry.stat()))
                except FileNotFoundError:  # its download was given up, or has ended: then the next look counts it
                    continue
    return sorted(found, key=lambda item: item[1].st_mtime_ns)


def _remove_stale(folder: Path) -> None:
    """What a killed process left on its way: nobody holds its lock."""
    for part in folder.glob("*.part"):
        lock_path = part.with_suffix(".lock")
        try:
            with FileLock(lock_path, timeout=0, thread_local=False):
                part.unlink(missing_ok=True)
                lock_path.unlink(missing_ok=True)
        except Timeout:
            continue
