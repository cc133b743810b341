"""A picture in a shard, which any process can read. Imports no torch."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from sharding.errors import DatasetError
from sharding.format.manifest_file import read_manifest
from sharding.reading.reader import ShardReader
from sharding.storage.cache import Cache
from sharding.storage.files import regular_descriptor
from sharding.storage.place import Place

_OPEN_AT_ONCE = 64


@dataclass(frozen=True)
class SetSplit:
    """A split of a data set of ours, with what is read of each sample."""

    place: Place
    split: str
    views: tuple[str, ...]
    cache_folder: Path
    cache_bytes: int


@lru_cache(maxsize=8)
def reader_of(split: SetSplit, labels: tuple[str, ...] = ()) -> ShardReader:
    """The reader of a split, one for each process. Raises DatasetError if the data set is not whole."""
    is_remote = not isinstance(split.place, Path)
    return ShardReader(
        split.place,
        read_manifest(split.place),
        split=split.split,
        views=split.views,
        labels=labels,
        cache=Cache(split.cache_folder, max_bytes=split.cache_bytes) if is_remote else None,
    )


@dataclass(frozen=True, kw_only=True)
class Member:
    """A picture of a sample in a shard."""

    key: str
    """Of its sample."""
    split: str
    """Of the data set; of a plain tar empty."""
    origin: SetSplit | Path
    """A split of a data set, or a plain tar."""
    view: str
    """Which of the sample's views, or in a plain tar the ending of the file."""
    place: tuple[int, int]
    """Shard and index in the split, or in a plain tar offset and bytes."""
    state: tuple[object, ...] = field(default=(), compare=False)
    """Differs where its shard does."""

    def __str__(self) -> str:
        if isinstance(self.origin, Path):
            return f"{self.origin}, sample {self.key!r}"
        return reader_of(self.origin).locate(*self.place)

    def read(self) -> bytes:
        """The encoded picture. Raises DatasetError or OSError if it cannot be read."""
        if isinstance(self.origin, SetSplit):
            return reader_of(self.origin).read(*self.place)[self.view]
        offset, size = self.place
        content = os.pread(_descriptor(self.origin), size, offset)
        if len(content) != size:
            raise DatasetError(f"only {len(content)} of its {size} bytes are there: the tar was cut short")
        return content

    def labels(self, names: tuple[str, ...]) -> Mapping[str, int]:
        """The sample's labels of these names, as numbers. Raises DatasetError."""
        if not names:
            return {}
        assert isinstance(self.origin, SetSplit)
        return dict(zip(names, reader_of(self.origin, names).labels(*self.place), strict=True))


class _Opened:
    """A descriptor that is closed when nobody has it any more."""

    def __init__(self, path: Path) -> None:
        self.number = regular_descriptor(path, follow_links=True)

    def __del__(self) -> None:
        os.close(self.number)


@lru_cache(maxsize=_OPEN_AT_ONCE)
def _opened(path: Path) -> _Opened:
    return _Opened(path)


def _descriptor(path: Path) -> int:
    return _opened(path).number
