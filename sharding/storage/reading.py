"""Small files of others, read whole: what grew, or is no file, is refused and not waited for."""

import errno
import os
import stat
from pathlib import Path


def read_regular(path: Path, *, most: int) -> bytes:
    """The content of a plain file, or of one that a link leads to. No pipe is waited for, no device read without end.

    Raises:
        OSError: it cannot be read, is no plain file, or has more than `most` bytes.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no plain file", str(path))
        if found.st_size > most:
            raise OSError(errno.EFBIG, f"it has {found.st_size} bytes, where {most} are the most", str(path))
        return file.read(most)
