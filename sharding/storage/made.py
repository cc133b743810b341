"""Files in a machine's cache that were made here, at some cost, of a data set; a part of it as shards are.

A file is called by the hash of all that it was made of. Its first 32 bytes are the SHA-256 of the others: whatever else
lies there is made anew.
"""

import errno
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from filelock import Timeout

from sharding.storage.cache import Cache, mark_used
from sharding.storage.cache_folder import claim, open_kept
from sharding.storage.files import create

_SEAL_BYTES = 32
_WAIT_S = 300.0
"""The longest that a process waits for another that makes the same file."""


@dataclass(frozen=True)
class MadeFile:
    """One of them, in the hands of a process: see `made_file`."""

    cache: Cache
    name: str
    most: int
    """Bytes that it may have."""

    def read(self) -> bytes | None:
        """The content; None if there is none, or it is damaged."""
        descriptor = open_kept(self.cache.folder / self.name)
        if descriptor is None:
            return None
        with os.fdopen(descriptor, "rb") as file:
            sealed = file.read(_SEAL_BYTES + self.most + 1)
            content = sealed[_SEAL_BYTES:]
            if len(content) > self.most or sealed[:_SEAL_BYTES] != hashlib.sha256(content).digest():
                return None
            mark_used(descriptor)
        return content

    def write(self, content: bytes) -> None:
        """Keep it. What was not used for longest goes, if there is no room. Raises OSError if it cannot be written."""
        assert len(content) <= self.most
        sealed = hashlib.sha256(content).digest() + content
        if len(sealed) > self.cache.max_bytes:
            return
        part = self.cache.folder / f"{self.name}.part"
        part.unlink(missing_ok=True)  # of a killed process
        with self.cache.room(len(sealed), stop=threading.Event()):
            try:
                with create(part) as file:
                    file.write(sealed)
                part.replace(self.cache.folder / self.name)
            finally:
                part.unlink(missing_ok=True)


@contextmanager
def made_file(cache: Cache, *, made_of: str, most: int) -> Iterator[MadeFile]:
    """A file to be read, or to be made if it is not there; other processes that want the same one wait meanwhile.

    Args:
        made_of: all that its content depends on, the version of its maker included.
        most: bytes that it may have.

    Raises:
        DatasetError: the cache's folder holds something else.
        OSError: it cannot be used, or another process needs very long.
    """
    claim(cache.folder)
    name = hashlib.sha256(f"made of {made_of}".encode()).hexdigest()
    with ExitStack() as held:
        try:
            held.enter_context(cache.locked(name, timeout_s=_WAIT_S))
        except Timeout as error:
            raise OSError(errno.ETIMEDOUT, f"another process has had {name} in hand for {_WAIT_S:.0f} s") from error
        yield MadeFile(cache, name, most)
