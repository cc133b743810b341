"""Files of remote data sets on this machine, under the SHA-256 of their content.

So the same shards at two addresses are kept once, and a data set that was made anew is never served old bytes. All
processes of a machine may share a cache:

    <folder>/<sha256>        a file: whole, checked and durable; its time of modification is when it was last opened.
                             Some were made here, and are called by the hash of what they were made of: see `made.py`
    <folder>/<sha256>.part   a file on its way
    <folder>/<sha256>.lock   held while that goes on
    <folder>/room.lock       held while room is made
    <folder>/CACHEDIR.TAG    says that the folder is a cache: nothing is kept in, or removed from, any other
"""

import hashlib
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

from sharding.errors import DatasetError
from sharding.storage.cache_folder import claim, open_kept
from sharding.storage.download import RemoteError, StoppedError
from sharding.storage.files import create
from sharding.storage.place import Url
from sharding.storage.remote_file import RemoteFile, batches, download_checked, read_all_checked
from sharding.storage.room import allocate, make_room

_POLL_S = 0.1


@dataclass(frozen=True)
class Cache:
    """A folder of at most `max_bytes`. What was not opened for longest goes first, also where the disk is full before.

    A file may go while it is read: an open descriptor stays good, and its room is free once that is closed.
    """

    folder: Path
    max_bytes: int
    _failures: dict[str, tuple[float, RemoteError]] = field(default_factory=dict, repr=False)
    """Of this process: SHA-256 -> when a file could not be had, and why."""

    def open(self, file: RemoteFile) -> int:
        """A descriptor for reading; fetches the file unless it is there. If another process fetches it, waits for that.

        Raises:
            RemoteError: the file cannot be had, or is not the one in the manifest.
            DatasetError: the cache has no room for it, or cannot be written.
        """
        with self._explained(file.url):
            descriptor = self._open_kept(file)
            while descriptor is None:
                descriptor = self._fetch(file, lock_timeout_s=-1, stop=threading.Event())
            return descriptor

    def prefetch(self, file: RemoteFile, *, stop: threading.Event) -> None:
        """Have the file there by the time that it is opened; does nothing if another process sees to it.

        Raises as `open`, and StoppedError if `stop` is set meanwhile.
        """
        with self._explained(file.url):
            descriptor = self._open_kept(file)
            if descriptor is None:
                descriptor = self._fetch(file, lock_timeout_s=0, stop=stop)
        if descriptor is not None:
            os.close(descriptor)

    def read_small(self, files: Sequence[RemoteFile]) -> Iterator[bytes]:
        """The content of small files, checked; fetches those that are not there, many at a time. Raises as `open`."""
        for some in batches(files):
            with self._explained(some[0].url):
                contents = [self._read_kept(file) for file in some]
                if any(content is None for content in contents):
                    # The other ranks of this machine ask for the same files: they wait, and find them.
                    name = hashlib.sha256("".join(file.sha256 for file in some).encode()).hexdigest()
                    with self.locked(name):
                        contents = self._fetch_small(some)
            yield from contents  # pyright: ignore[reportReturnType]  none is None now

    def _fetch_small(self, files: Sequence[RemoteFile]) -> list[bytes]:
        kept = [self._read_kept(file) for file in files]
        missing = [file for file, content in zip(files, kept, strict=True) if content is None]
        fetched = dict(zip((file.sha256 for file in missing), read_all_checked(missing), strict=True))
        num_bytes = sum(map(len, fetched.values()))
        self._require_bound(files[0].url, num_bytes)
        with self.room(num_bytes, stop=threading.Event()):
            for sha256, content in fetched.items():  # not synced: each is checked whenever it is read
                part = self.folder / f"{sha256}.part"
                with suppress(FileExistsError), create(part) as file:  # else it is just being fetched as a shard
                    file.write(content)
                    file.flush()
                    mark_used(file.fileno())
                    part.replace(self.folder / sha256)
        return [fetched[file.sha256] if content is None else content for file, content in zip(files, kept, strict=True)]

    def _read_kept(self, file: RemoteFile) -> bytes | None:
        descriptor = open_kept(self.folder / file.sha256)
        if descriptor is None:
            return None
        with os.fdopen(descriptor, "rb") as kept:
            content = kept.read(file.num_bytes + 1)
            if hashlib.sha256(content).hexdigest() != file.sha256:
                return None
            mark_used(descriptor)
        return content

    def _open_kept(self, file: RemoteFile) -> int | None:
        path = self.folder / file.sha256
        descriptor = open_kept(path)
        if descriptor is None:
            return None
        if os.fstat(descriptor).st_size != file.num_bytes:  # by whomever it was cut
            os.close(descriptor)
            path.unlink(missing_ok=True)
            return None
        mark_used(descriptor)
        return descriptor

    def _fetch(self, file: RemoteFile, *, lock_timeout_s: float, stop: threading.Event) -> int | None:
        """Fetch a file; None if another process is at it."""
        asked = time.monotonic()
        with suppress(Timeout), self.locked(file.sha256, timeout_s=lock_timeout_s):
            descriptor = self._open_kept(file)
            failed, failure = self._failures.get(file.sha256, (-math.inf, None))
            # Another thread tried it, patiently, while this one waited for it: to start all over would double the wait.
            if descriptor is None and failure is not None and failed > asked:
                raise RemoteError(str(failure)) from failure
            return self._download(file, stop=stop) if descriptor is None else descriptor
        return None

    def _download(self, file: RemoteFile, *, stop: threading.Event) -> int:
        part = self.folder / f"{file.sha256}.part"
        self._require_bound(file.url, file.num_bytes)
        part.unlink(missing_ok=True)  # of a killed process: the lock is ours
        try:
            with create(part) as target:
                download_checked(file, target, admit=self._admission(file, target, stop=stop), stop=stop)
            descriptor = open_kept(part)  # before it can be evicted
            assert descriptor is not None
            mark_used(descriptor)
            with self._room_lock():  # else who sums up might see it under neither name
                part.replace(self.folder / file.sha256)
        except BaseException as error:
            part.unlink(missing_ok=True)
            if isinstance(error, RemoteError):
                self._failures[file.sha256] = time.monotonic(), error
            raise
        return descriptor

    def _admission(self, file: RemoteFile, target: IO[bytes], *, stop: threading.Event) -> Callable[[int | None], bool]:
        """Makes room once the server has such a file: for a mere claim of the manifest's nothing else must go."""
        is_allocated = False

        def admit(announced: int | None) -> bool:
            nonlocal is_allocated
            if announced is None:
                raise RemoteError(
                    f"{file.url} is sent without its size (the header Content-Length), so no room can be made for it. "
                    "Put the data set on a server that tells sizes, as all do for plain files."
                )
            while announced == file.num_bytes and not is_allocated:
                with self.room(file.num_bytes, stop=stop):
                    is_allocated = allocate(target.fileno(), file.num_bytes, folder=self.folder)
            return announced == file.num_bytes

        return admit

    def _require_bound(self, url: Url, num_bytes: int) -> None:
        if num_bytes > self.max_bytes:
            raise DatasetError(
                f"{url} has {num_bytes} bytes, and the cache {self.folder} may hold {self.max_bytes}. "
                "Raise --data.cache-gb or the variable DIPTYCH_CACHE_GB."
            )

    @contextmanager
    def room(self, num_bytes: int, *, stop: threading.Event) -> Iterator[None]:
        """Where so many bytes more fit, and nobody else takes the room; waits while files on their way have all."""
        while True:
            with self._room_lock():
                if make_room(self.folder, num_bytes, max_bytes=self.max_bytes):
                    yield
                    return
            if stop.wait(_POLL_S):
                raise StoppedError

    def _room_lock(self) -> FileLock:
        return FileLock(self.folder / "room.lock", thread_local=False)

    @contextmanager
    def locked(self, name: str, *, timeout_s: float = -1) -> Iterator[None]:
        """While this process alone has the file of this name in hand. Raises Timeout if it waited for so long."""
        path = self.folder / f"{name}.lock"
        with FileLock(path, timeout=timeout_s, thread_local=False):
            try:
                yield
            finally:
                path.unlink(missing_ok=True)  # whoever waits for it sees that it is gone, and makes a new one

    @contextmanager
    def _explained(self, url: Url) -> Iterator[None]:
        try:
            claim(self.folder)
            yield
        except OSError as error:
            raise DatasetError(
                f"{url} cannot be kept in the cache {self.folder} ({error.strerror or error}). Free some space, or "
                "choose another folder with --data.cache-dir or the variable DIPTYCH_CACHE."
            ) from error


def mark_used(file: int) -> None:
    """Say of an open file of a cache that it was used just now."""
    with suppress(PermissionError, FileNotFoundError):  # another user's, or evicted just now
        now = time.time_ns()  # finer than the clock that the kernel stamps files with
        os.utime(file, ns=(now, now))
