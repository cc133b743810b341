"""The bound of a cache's folder: what must go for something new. Call with `room.lock` held.

Files on their way (`.part`) have their full size before their first byte comes, so that the room they will take is
counted.
"""

import errno
import os
from pathlib import Path

from filelock import FileLock, Timeout

from sharding.storage.cache_folder import counted_files


def make_room(folder: Path, num_bytes: int, *, max_bytes: int) -> bool:
    """Remove what was not opened for longest until `num_bytes` more fit. False if files on their way have the room."""
    _remove_stale(folder)
    files = counted_files(folder)
    excess = sum(stat.st_size for _, stat in files) + num_bytes - max_bytes
    for path, stat in files:
        if excess > 0 and not path.suffix:
            path.unlink(missing_ok=True)
            excess -= stat.st_size
    return excess <= 0


def allocate(descriptor: int, num_bytes: int, *, folder: Path) -> bool:
    """Take room on the disk for a new file. False if it was full, and the file not opened for longest had to go.

    Raises:
        OSError: it is full, and nothing is left to go.
    """
    try:
        if num_bytes:
            os.posix_fallocate(descriptor, 0, num_bytes)
    except OSError as error:
        os.ftruncate(descriptor, 0)
        oldest = next((path for path, _ in counted_files(folder) if not path.suffix), None)
        if error.errno != errno.ENOSPC or oldest is None:
            raise
        oldest.unlink(missing_ok=True)
        return False
    return True


def _remove_stale(folder: Path) -> None:
    """What a killed process left on its way: nobody holds its lock."""
    for part, _ in counted_files(folder):
        if not part.suffix:
            continue
        lock_path = part.with_suffix(".lock")
        try:
            with FileLock(lock_path, timeout=0, thread_local=False):
                part.unlink(missing_ok=True)
                lock_path.unlink(missing_ok=True)
        except Timeout:
            continue
