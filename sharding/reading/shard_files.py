"""Where the bytes of shards come from: a folder, or a remote place by way of a cache on this machine."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Event

from sharding.errors import DatasetError
from sharding.format.manifest import Shard, index_path, most_index_bytes
from sharding.storage.cache import Cache, RemoteFile
from sharding.storage.files import read_regular
from sharding.storage.place import Place, Url

REMEDY = "`diptych shard verify` lists all damage; copy or shard the data set again"


class LocalFiles:
    """In a folder, of this machine or shared."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read_indexes(self, shards: Sequence[Shard]) -> Iterable[bytes]:
        """Compares the size of each tar with the manifest, too: a set that was copied in part fails before training."""
        for shard in shards:
            _check_size(self.folder / shard.path, shard.num_bytes)
        return map(self._read_index, shards)

    def _read_index(self, shard: Shard) -> bytes:
        path = self.folder / index_path(shard.path)
        try:
            return read_regular(path, most=most_index_bytes(shard), follow_links=True)
        except OSError as error:
            raise DatasetError(f"{path} cannot be read ({error.strerror}). {REMEDY}.") from error

    def open(self, shard: Shard) -> int:
        path = self.folder / shard.path
        try:
            return os.open(path, os.O_RDONLY)
        except OSError as error:
            raise DatasetError(f"{path} cannot be opened ({error.strerror}). {REMEDY}.") from error


class CachedFiles:
    """At a URL, and those that were used lately in a cache. A tar is compared with its SHA-256 when it arrives."""

    def __init__(self, url: Url, cache: Cache) -> None:
        self.folder = url
        self.cache = cache

    def read_indexes(self, shards: Sequence[Shard]) -> Iterable[bytes]:
        return self.cache.read_small([self._index_file(shard) for shard in shards])

    def open(self, shard: Shard) -> int:
        return self.cache.open(self._file(shard))

    def prefetch(self, shard: Shard, *, stop: Event) -> None:
        """Have a tar in the cache by the time that it is opened. Raises DatasetError or, after `stop`, StoppedError."""
        self.cache.prefetch(self._file(shard), stop=stop)

    def _index_file(self, shard: Shard) -> RemoteFile:
        url = self.folder / index_path(shard.path)
        return RemoteFile(url=url, sha256=shard.index_sha256, num_bytes=most_index_bytes(shard))

    def _file(self, shard: Shard) -> RemoteFile:
        return RemoteFile(url=self.folder / shard.path, sha256=shard.sha256, num_bytes=shard.num_bytes)


def shard_files(place: Place, *, cache: Cache | None = None) -> LocalFiles | CachedFiles:
    """The files of the data set at `place`.

    Args:
        cache: only a remote place needs one.
    """
    if isinstance(place, Path):
        return LocalFiles(place)
    assert cache is not None, f"{place} is remote"
    return CachedFiles(place, cache)


def _check_size(path: Path, expected: int) -> None:
    if not path.is_file():
        raise DatasetError(f"{path} is missing. {REMEDY}.")
    if (num_bytes := path.stat().st_size) != expected:
        raise DatasetError(f"{path} has {num_bytes} bytes; the manifest says {expected}. {REMEDY}.")
