"""One process at a time in a folder. The kernel frees the lock when its process ends, however it ends."""

import fcntl
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sharding.storage.files import read_regular

LOCK_FILE = ".lock"
_MOST = 4096
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def only_process(folder: Path, *, refuse: Callable[[str], Exception]) -> Iterator[int]:
    """Hold the lock of `folder`, in its file `.lock`, which says who holds it. Gives the descriptor of that file:
    processes that inherit it hold the lock, too, until the last of them is gone.

    Not `filelock`, which other parts use: it empties its file, and this one is to name its holder.

    Args:
        refuse: makes the error to raise of a text: who holds it, and what can be done.

    Raises:
        OSError: the folder cannot be written to, or its lock is a link.
    """
    path = folder / LOCK_FILE
    descriptor = os.open(path, _FLAGS, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            remedy = "Wait for its end, or tell it to save and stop: kill PID."
            raise refuse(f"is in use by {_holder(path)}. {remedy}") from None
        os.ftruncate(descriptor, 0)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        os.pwrite(
            descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}).encode(), 0
        )
        yield descriptor
    finally:
        os.close(descriptor)


def _word(text: str) -> str:
    """The word without what does not belong into a message: whoever passes on a run may have written the file."""
    return "".join(character for character in text if character.isalnum() or character in "-.:+")


def _holder(path: Path) -> str:
    try:
        told = json.loads(read_regular(path, most=_MOST))
        return f"process {int(told['pid'])} on host {_word(told['host'])} since {_word(told['since'])}"
    except (OSError, ValueError, TypeError, KeyError):  # it has just begun, and written nothing yet
        return "another process"


def held_since(folder: Path) -> float | None:
    """When a process of this machine took the lock of `folder`, in seconds since 1970; None if none of them holds it.

    The kernel is asked, which tells nothing of other machines. The lock is not taken for it: a process that wants it at
    this moment would be refused.
    """
    try:
        found = (folder / LOCK_FILE).lstat()
        locks = Path("/proc/locks").read_text()
    except OSError:
        return None
    place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    is_held = any("FLOCK" in words and place in words for words in map(str.split, locks.splitlines()))
    return found.st_mtime if is_held else None
