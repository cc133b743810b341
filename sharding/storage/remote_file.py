"""Files that a manifest lists, as they come from afar: nothing is taken that is not what the manifest says."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import IO, Any

from sharding.errors import DatasetError
from sharding.storage.cache_folder import SHA256
from sharding.storage.download import RemoteError, download, read_small
from sharding.storage.place import Url
from sharding.storage.transfer import MAX_CONNECTIONS

SMALL_AT_ONCE, SMALL_BYTES_AT_ONCE = 256, 2**30
"""Small files that are held in memory at a time, and the most that they may have together."""


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """What the manifest knows of a file.

    Raises:
        DatasetError: an impossible checksum or size. The checksum is its name in the cache, and any other text might
            be the path of something else.
    """

    url: Url
    sha256: str
    num_bytes: int
    """Of a small file: the most that it may have."""

    def __post_init__(self) -> None:
        if not (isinstance(self.sha256, str) and SHA256.fullmatch(self.sha256)):
            raise self._impossible("checksum", self.sha256, "64 hex digits, of 0 to 9 and a to f, are")
        if type(self.num_bytes) is not int or self.num_bytes < 0:
            raise self._impossible("size", self.num_bytes, "0 bytes or more are")

    def _impossible(self, what: str, value: Any, possible: str) -> DatasetError:
        return DatasetError(
            f"{self.url}: the manifest gives it the {what} {value!r:.200}, where {possible} possible. No data set of "
            "Diptych's making says so: shard the images again, or take the set from elsewhere."
        )


def batches(files: Sequence[RemoteFile]) -> Iterator[Sequence[RemoteFile]]:
    """Neighbours that are fetched at once."""
    start = num_bytes = 0
    for place, file in enumerate(files):
        if place > start and (place - start == SMALL_AT_ONCE or num_bytes + file.num_bytes > SMALL_BYTES_AT_ONCE):
            yield files[start:place]
            start, num_bytes = place, 0
        num_bytes += file.num_bytes
    if files:
        yield files[start:]


def read_all_checked(files: Sequence[RemoteFile]) -> list[bytes]:
    stop = threading.Event()
    pool = ThreadPoolExecutor(MAX_CONNECTIONS)
    try:
        reads = [pool.submit(_read_checked, file, stop) for file in files]
        for read in wait(reads, return_when=FIRST_EXCEPTION).done:
            read.result()
        return [read.result() for read in reads]
    finally:
        stop.set()  # after a failure the others end, too
        pool.shutdown(cancel_futures=True)


def _read_checked(file: RemoteFile, stop: threading.Event) -> bytes:
    for _ in range(2):
        content = read_small(file.url, max_bytes=file.num_bytes, stop=stop)
        if hashlib.sha256(content).hexdigest() == file.sha256:
            return content
    raise _mismatch(file)


def download_checked(
    file: RemoteFile, target: IO[bytes], *, admit: Callable[[int | None], bool], stop: threading.Event
) -> None:
    """To a file that has the right size, durably."""
    for _ in range(2):
        target.seek(0)
        digest = download(file.url, target, num_bytes=file.num_bytes, admit=admit, stop=stop)
        if digest == file.sha256:
            target.truncate()  # an attempt before may have written more
            os.fsync(target.fileno())
            return
    raise _mismatch(file)


def _mismatch(file: RemoteFile) -> RemoteError:
    return RemoteError(
        f"{file.url} is not the file that the manifest lists (SHA-256 or size differs), twice in a row. Copy the data "
        "set there again; `diptych shard verify` lists all damage."
    )
