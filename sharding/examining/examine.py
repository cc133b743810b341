"""Looks at every sample of a data set, wherever it lies, for what a training should not meet unawares."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sharding.errors import DatasetError
from sharding.examining.alike_names import find_alike_names
from sharding.examining.collected import Collected
from sharding.examining.found import Found, Named
from sharding.examining.picture import SampleSeen, look_at_sample
from sharding.examining.samples import Part, iterate, list_parts
from sharding.examining.summed import sum_classes, sum_labels, sum_pairs, sum_twins, sum_views
from sharding.format.manifest import Manifest
from sharding.format.manifest_file import read_manifest
from sharding.storage.cache import Cache
from sharding.storage.place import Place
from sharding.work.bounded import map_in_order
from sharding.work.progress import Callback, unheard


class _Item(NamedTuple):
    part: Part
    shard: int
    place: int
    """Of the sample in its shard."""
    files: dict[str, bytes]
    labels: tuple[int, ...]
    problem: str


def examine(
    place: Place,
    *,
    limit: int | None = None,
    most_shift: float = 2.0,
    workers: int = 1,
    cache: Cache | None = None,
    progress: Callback = unheard,
) -> Found:
    """Look at the samples. Ctrl-C ends the looking, and what was seen until then is told.

    What is kept of a picture takes 350 bytes in a temporary folder; 24 of them are in memory while twins are sought.

    Args:
        limit: samples of each split (of an unpaired set: and view), evenly spread; None for all.
        most_shift: pixels by which a pair may be off before it is named.
        workers: threads that decode and look.
        cache: a remote data set needs one.
        progress: hears how many samples are done, and of how many.

    Raises:
        DatasetError: there is no data set, or a shard of it is missing or damaged.
    """
    manifest = read_manifest(place)
    parts = list_parts(place, manifest, limit=limit, cache=cache)
    with tempfile.TemporaryDirectory(prefix="diptych-examine-") as folder:
        collected = Collected(Path(folder), manifest, parts)
        try:
            _look(manifest, parts, collected, workers=workers, progress=progress)
        except KeyboardInterrupt:
            collected.is_interrupted = True
        return _sum_up(manifest, parts, collected, most_shift=most_shift)


def _look(manifest: Manifest, parts: list[Part], collected: Collected, *, workers: int, progress: Callback) -> None:
    total = sum(len(part.places) for part in parts)

    def look(item: _Item) -> tuple[_Item, SampleSeen]:
        if item.problem:
            return item, SampleSeen(problem=item.problem)
        name = item.part.reader.locate(item.shard, item.place)
        return item, look_at_sample(item.files, views=manifest.views, classes=manifest.classes, name=name)

    for done, (item, seen) in enumerate(map_in_order(look, _read(parts), workers=workers)):
        collected.add(item.part, seen, labels=item.labels, key=item.part.reader.key(item.shard, item.place))
        progress(done + 1, total)


def _read(parts: list[Part]) -> Iterator[_Item]:
    """The bytes of each sample; a reader is asked by one thread only."""
    for part, shard, index in iterate(parts):
        try:
            files, problem = part.reader.read(shard, index), ""
            labels = part.reader.labels(shard, index) if part.reader.label_names else ()
        except DatasetError as error:
            files, labels, problem = {}, (), str(error)
        yield _Item(part, shard, index, files, labels, problem)


def _sum_up(manifest: Manifest, parts: list[Part], collected: Collected, *, most_shift: float) -> Found:
    keys = ((part.split, "+".join(part.views), part.reader.key(shard, index)) for part, shard, index in iterate(parts))
    bad = collected.unreadable
    return Found(
        name=manifest.name,
        kind=manifest.kind,
        num_looked=collected.num_looked,
        num_samples=sum(manifest.num_samples(split) for split in manifest.splits),
        is_interrupted=collected.is_interrupted,
        splits={
            split: {view: manifest.num_samples(split, view) for view in manifest.views} for split in manifest.splits
        },
        views=sum_views(manifest, collected),
        unreadable=Named(num=collected.num_unreadable, samples=[name for name, _ in bad]),
        problems=[problem for _, problem in bad],
        twins=sum_twins(manifest, collected),
        pairs=sum_pairs(manifest, collected, most_shift=most_shift),
        classes=sum_classes(manifest, collected),
        labels=sum_labels(manifest, collected),
        alike_names=find_alike_names(keys),
    )
