"""A tar read once, from front to back: the contents of its samples, and the checksum of all its bytes."""

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import Any, BinaryIO, cast

from sharding.format.index import CHUNK, Member, as_member, check_end, pieces, unreadable
from sharding.format.manifest import CHECKSUM_PREFIX, member_checksum


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A member as it was found."""

    member: Member
    content: bytes
    is_changed: bool
    """Its header tells another checksum than that of the content."""


class _Hashed(io.RawIOBase):
    """A file whose bytes are hashed as they are read: a megabyte at a time, so that threads hinder each other least."""

    def __init__(self, file: io.RawIOBase, *, advance: Callable[[int], None]) -> None:
        self._file = file
        self._advance = advance
        self.sha256 = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        num_bytes = self._file.readinto(buffer) or 0
        self.sha256.update(memoryview(buffer)[:num_bytes])
        self._advance(num_bytes)
        return num_bytes


class Tape:
    """A file that passes once, and what has passed of it: all that `tarfile` needs of a file that is not compressed.

    Args:
        file: opened at its beginning, without a buffer.
        num_bytes: of the whole file.
        most_bytes: that are read at once: a tar of holes may announce more than fits into memory.
        advance: hears of each megabyte or so how many bytes it has.
    """

    def __init__(self, file: io.RawIOBase, *, num_bytes: int, most_bytes: int, advance: Callable[[int], None]) -> None:
        self._most_bytes = max(most_bytes, CHUNK)
        self._hashed = _Hashed(file, advance=advance)
        self._file = io.BufferedReader(self._hashed, CHUNK)
        self._num_bytes = num_bytes
        self._position = 0
        self.latest = b""
        """What the last read has brought."""

    @property
    def num_left(self) -> int:
        """Bytes that have not passed yet."""
        return self._num_bytes - self._position

    def read(self, size: int) -> bytes:
        """Raises ValueError for more than may be read at once."""
        if size > self._most_bytes:
            raise ValueError(f"a file in it has {size} bytes, where {self._most_bytes} are the most")
        self.latest = self._file.read(size)
        self._position += len(self.latest)
        return self.latest

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> int:
        """Forward only. Raises ValueError for what lies behind."""
        if position < self._position:
            raise ValueError("a header points backwards")
        while self._position < position and self.read(min(CHUNK, position - self._position)):
            pass
        return self._position

    def finish(self) -> str:
        """The SHA-256 of the whole file. What has not passed yet passes now."""
        while self.read(CHUNK):
            pass
        return self._hashed.sha256.hexdigest()


def read_samples(tape: Tape, *, path: Path) -> Iterator[list[Recording]]:
    """The samples of a tar with their contents, one after the other: no more than one is in memory.

    As in `list_samples`, neighbours with the same name up to the first dot are one.

    Args:
        path: of the tar, for messages.

    Raises:
        DatasetError: this is no tar of plain files, or it is damaged or cut short; the message names it.
    """
    file = cast(BinaryIO, tape)
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            recordings = (_record(tape, info) for info in archive)
            for _, sample in groupby(recordings, key=lambda recording: recording.member.key):
                yield list(sample)
    except OSError:
        raise
    except Exception as error:  # tarfile raises almost anything on a broken tar
        raise unreadable(path, error) from error
    check_end(path, chain([tape.latest], pieces(file)))


def _record(tape: Tape, info: tarfile.TarInfo) -> Recording:
    """A member whose header has just passed."""
    member = as_member(info)
    if member.num_bytes > tape.num_left:
        raise ValueError(f"its member {member.name!r} is cut short")
    content = tape.read(member.num_bytes)
    is_told = info.gname.startswith(CHECKSUM_PREFIX)
    return Recording(member=member, content=content, is_changed=is_told and info.gname != member_checksum(content))
