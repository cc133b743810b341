"""The samples of a data set that are looked at, in the order of their shards, with the bytes of their views."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sharding.format.manifest import Manifest
from sharding.reading.reader import ShardReader
from sharding.storage.cache import Cache
from sharding.storage.place import Place


@dataclass(frozen=True, kw_only=True)
class Part:
    """Samples of one split that have the same views: in an unpaired set one view, else all."""

    split: str
    views: tuple[str, ...]
    reader: ShardReader
    places: np.ndarray
    """(N, 2) shard and index of each that is looked at."""


def list_parts(place: Place, manifest: Manifest, *, limit: int | None, cache: Cache | None) -> list[Part]:
    """All that there is to look at.

    Args:
        limit: samples of a part, evenly spread; None for all.
        cache: through which a remote set comes.

    Raises:
        DatasetError: a shard is missing or damaged.
    """
    groups: Sequence[tuple[str, ...]] = [tuple(manifest.views)]
    if manifest.kind == "unpaired":
        groups = [(view,) for view in manifest.views]
    parts = []
    for split in manifest.splits:
        for views in groups:
            if manifest.num_samples(split, views[0]):
                reader = ShardReader(
                    place, manifest, split=split, views=views, labels=list(manifest.labels), cache=cache
                )
                parts.append(Part(split=split, views=views, reader=reader, places=_places(reader, limit)))
    return parts


def _places(reader: ShardReader, limit: int | None) -> np.ndarray:
    sizes = reader.shard_sizes
    places = np.concatenate([np.stack([np.full(size, shard), np.arange(size)], 1) for shard, size in enumerate(sizes)])
    if limit is None or limit >= len(places):
        return places
    return places[np.linspace(0, len(places) - 1, limit).round().astype(int)]


class Names(Sequence[str]):
    """`split/key` of each row of a view's table, looked up as it is asked for."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._ends = np.cumsum([len(part.places) for part in parts])

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, row):  # noqa: ANN001, ANN204 (the sequence's own signature has slices, which nobody needs)
        part, place = self.locate(int(row))
        return f"{part.split}/{part.reader.key(*map(int, place))}"

    def locate(self, row: int) -> tuple[Part, np.ndarray]:
        """The part that holds a row, with its shard and index there."""
        number = int(np.searchsorted(self._ends, row, side="right"))
        part = self._parts[number]
        return part, part.places[row - int(self._ends[number]) + len(part.places)]


def iterate(parts: Sequence[Part]) -> Iterator[tuple[Part, int, int]]:
    """Part, shard and index of every sample."""
    for part in parts:
        for shard, index in part.places.tolist():
            yield part, shard, index
