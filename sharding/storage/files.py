"""Files, as they must be treated where a stranger may have laid them: no link leads us on, and nothing is waited for.

A run or a data set may come from anywhere. A link under a name that we are about to write would lead what we write to
any file of the user's, so temporary names are exclusive and cannot be guessed. A pipe in the place of a file would be
waited for without end, and opening a device may do something.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
TEMPORARY = ".diptych-{}.tmp"
"""Name of a file on its way, beside its place; short, so that any name a file may have can be written."""


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Readers see the old file or the whole new one, also after a power cut. What is at `path` is replaced, a link too.

    Args:
        durable: without it a power cut may leave nothing whole, and nobody waits for the disk.

    Raises:
        OSError: it cannot be written; then nothing is left of it, and what was there is as it was.
    """
    with written_atomically(path, durable=durable) as file:
        file.write(content)


@contextmanager
def written_atomically(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """A file to write to, which takes its place when all is written. Raises as `write_atomically`."""
    temporary = path.with_name(TEMPORARY.format(os.urandom(8).hex()))
    try:
        with create(temporary) as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def create(path: Path) -> IO[bytes]:
    """A new file to write to. Raises FileExistsError if anything is at `path`, be it a link to nowhere."""
    return open(path, "wb", opener=lambda *_: os.open(path, _NEW, 0o666))


def open_to_append(path: Path) -> IO[str]:
    """A text file, made if it is not there, in which each line is flushed as it ends.

    Raises:
        OSError: `path` is a link, or cannot be written.
    """
    try:
        descriptor = os.open(path, _APPEND, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "is a link, which is not followed: remove it", str(path)) from error
        raise
    return os.fdopen(descriptor, "a", buffering=1)


class NotRegularError(OSError):
    """Something else than a plain file is there; `strerror` says what."""


def regular_descriptor(path: Path, *, follow_links: bool = False) -> int:
    """A descriptor of a plain file, for reading.

    Raises:
        NotRegularError: it is a link, a folder, a pipe or a device.
        OSError: it is not there, or cannot be read.
    """
    _require_regular(path, os.stat(path, follow_symlinks=follow_links))  # noqa: PTH116  follow_symlinks as one value
    descriptor = os.open(path, _READ | (0 if follow_links else os.O_NOFOLLOW))
    try:
        _require_regular(path, os.fstat(descriptor))  # once more: it may have been exchanged
    except NotRegularError:
        os.close(descriptor)
        raise
    return descriptor


def open_regular(path: Path, *, follow_links: bool = False) -> BufferedReader:
    """A plain file to read, which knows its name. Raises as `regular_descriptor`."""
    return open(path, "rb", opener=lambda *_: regular_descriptor(path, follow_links=follow_links))


def read_regular(path: Path, *, most: int, follow_links: bool = False) -> bytes:
    """All of a plain file. Raises as `regular_descriptor`, and OSError if it has more than `most` bytes."""
    with open_regular(path, follow_links=follow_links) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"is larger than {most} bytes", str(path))
    return content


def _require_regular(path: Path, found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise NotRegularError(errno.ELOOP, "is a link, which is not followed", str(path))
    if not stat.S_ISREG(found.st_mode):
        raise NotRegularError(errno.EINVAL, "is no regular file", str(path))


def sync(path: Path) -> None:
    """Make a file's content, or a folder's entries, durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refuse_link(path: Path, *, error: Any) -> None:
    """Raise `error(message)` if `path` is a link: what is written and removed below it would lie elsewhere."""
    if path.is_symlink():
        raise error(f"{path} is a link to {path.readlink()}, which is not followed. Put the folder itself there.")
