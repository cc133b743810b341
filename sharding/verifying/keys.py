"""Find samples of the same name, in a set of any size: 8 bytes are kept of each name."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sharding.errors import DatasetError
from sharding.format.manifest import Shard, index_path, most_index_bytes
from sharding.reading.shard_index import parse_index
from sharding.storage.files import read_regular
from sharding.storage.place import Place
from sharding.verifying.local_copy import local_copies


@dataclass(kw_only=True)
class _Group:
    """Shards in which a name may stand once."""

    shards: list[Shard] = field(default_factory=list)
    hashes: list[NDArray[np.int64]] = field(default_factory=list)
    """Of the names of each shard's samples."""


class KeyCheck:
    """Hears the keys of one shard after the other. In a split, and of an unpaired set in a view, each may be once."""

    def __init__(self, folder: Place) -> None:
        self._folder = folder
        self._groups: dict[tuple[str, str | None], _Group] = defaultdict(_Group)

    def add(self, split: str, shard: Shard, keys: Sequence[str]) -> None:
        group = self._groups[split, shard.view]
        group.shards.append(shard)
        group.hashes.append(np.array([hash(key) for key in keys], dtype=np.int64))

    def problems(self) -> Iterator[str]:
        """One line for each pair of shards that share names."""
        for group in self._groups.values():
            for one, other in sorted(_meetings(group.hashes)):
                yield from self._shared(group.shards[one], group.shards[other])

    def _shared(self, one: Shard, other: Shard) -> Iterator[str]:
        """The names themselves are read again: hashes may agree by chance, though hardly ever."""
        shared = sorted(self._keys(one) & self._keys(other))
        if shared:
            more = f" and {len(shared) - 1} more" if len(shared) > 1 else ""
            yield f"{self._folder / one.path} and {other.path}: both hold a sample {shared[0]}{more}"

    def _keys(self, shard: Shard) -> set[str]:
        name = index_path(shard.path)
        try:
            with local_copies(self._folder, {name: None}) as folder:
                content = read_regular(folder / name, most=most_index_bytes(shard), follow_links=True)
                return set(parse_index(content, shard, path=self._folder / name, most_bytes={}).keys)
        except (DatasetError, OSError):
            return set()  # which is a problem of its own, and was told


def _meetings(hashes: Sequence[NDArray[np.int64]]) -> set[tuple[int, int]]:
    """Pairs of places in the list whose arrays share a value."""
    values = np.concatenate(hashes)
    places = np.repeat(np.arange(len(hashes)), [len(array) for array in hashes])
    by_value = np.argsort(values, kind="stable")
    values, places = values[by_value], places[by_value]
    same = np.flatnonzero((values[1:] == values[:-1]) & (places[1:] != places[:-1]))
    return {(int(places[at]), int(places[at + 1])) for at in same}
