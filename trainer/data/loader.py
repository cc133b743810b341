"""Batches of aligned pairs: for training without end, for evaluation once over a split."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray

from sharding.manifest import DatasetError, View, read_manifest
from trainer.data.batch import Batch
from trainer.data.dali import EncodedBatch, PixelSpec, PixelStream, first_undecodable
from trainer.data.order import Order, SampleRef, augmentation, rank_positions
from trainer.data.reader import REMEDY, ShardReader


class Placement(NamedTuple):
    """Where the crops of N samples lie."""

    corners: NDArray[np.int32]
    """[N, 2] row and column of the upper left pixel."""
    flips: NDArray[np.int32]
    """[N] 1 to mirror, else 0."""


class PairSource:
    """The encoded pairs of batch 0, 1, 2 ... of one rank: a pure function, because DALI asks ahead."""

    def __init__(
        self,
        reader: ShardReader,
        order: Order,
        *,
        positions: Callable[[int], range],
        place: Callable[[range], Placement],
    ) -> None:
        self.reader = reader
        self.positions = positions
        """Batch number -> positions of its samples; empty after the last."""
        self._order = order
        self._place = place

    def __call__(self, number: int) -> EncodedBatch:
        positions = self.positions(number)
        if not positions:
            raise StopIteration
        samples = [self.reader.read(sample.shard, sample.index) for sample in self.samples(number)]
        files = [[np.frombuffer(sample[view], np.uint8) for sample in samples] for view in self.reader.views]
        corners, flips = self._place(positions)
        return EncodedBatch(files=files, corners=corners, flips=flips)

    def samples(self, number: int) -> list[SampleRef]:
        """Where the samples of a batch lie."""
        return [self._order.at(position) for position in self.positions(number)]


class PairStream:
    """Iterates over the batches of a source, decoded ahead of time."""

    def __init__(self, source: PairSource, *, spec: PixelSpec) -> None:
        self._source = source
        self._spec = spec
        self._number = 0
        self._pixels = PixelStream(source, spec=spec)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Batch:
        try:
            a, b = next(self._pixels)
        except RuntimeError as error:
            self._explain(error)
            raise
        positions, samples = self._source.positions(self._number), self._source.samples(self._number)
        self._number += 1
        return Batch(
            a=a,
            b=b,
            index=torch.arange(positions.start, positions.stop),
            keys=tuple(self._source.reader.key(sample.shard, sample.index) for sample in samples),
        )

    def close(self) -> None:
        """Free what DALI holds, and close the files."""
        self._pixels.close()
        self._source.reader.close()

    def _explain(self, error: RuntimeError) -> None:
        """Raise DatasetError if an image of the batch is at fault; return if none is."""
        culprit = first_undecodable(self._source(self._number), spec=self._spec)
        if culprit is None:
            return
        row, column, reason = culprit
        sample, reader = self._source.samples(self._number)[row], self._source.reader
        raise DatasetError(
            f"{reader.locate(sample.shard, sample.index)}: view {reader.views[column]!r} cannot be decoded,"
            f" or is smaller than the manifest says. {REMEDY}. DALI's reason: {reason}"
        ) from error


class Loader:
    """One rank's share of an endless sequence of global batches of `batch_size * world_size` samples.

    Of the global batch that begins at position p, rank r gets `batch_size` positions from `p + r * batch_size`.
    Epochs follow each other without a gap, so a global batch may span two: see `Order` for what that means. A data
    set smaller than a global batch is repeated within it. A step that accumulates gradients takes several batches.
    """

    def __init__(
        self,
        *,
        folder: Path,
        split: str,
        view_a: str,
        view_b: str,
        load_size: int,
        crop_size: int,
        flip: bool,
        shuffle: bool,
        shuffle_window_shards: int,
        seed: int,
        batch_size: int,
        rank: int,
        world_size: int,
        num_threads: int,
        device_id: int | None,
        start_position: int = 0,
    ) -> None:
        """Raises DatasetError if the data set is damaged or lacks the split or a view."""
        reader, views = _open(folder, split, names=(view_a, view_b))
        order = Order(reader.shard_sizes, seed=seed, shuffle_window_shards=shuffle_window_shards, shuffle=shuffle)
        self.num_samples = order.num_samples
        """Of the split: the length of an epoch."""
        self.global_batch_size = batch_size * world_size
        self.position = start_position
        """Samples that the whole job has taken: what a checkpoint keeps, to resume from."""

        def positions(number: int) -> range:
            step_position = start_position + number * self.global_batch_size
            return rank_positions(step_position, batch_size_per_gpu=batch_size, rank=rank, world_size=world_size)

        def place(positions: range) -> Placement:
            return random_placement(seed, positions, num_free=load_size - crop_size, flip=flip)

        self._stream = PairStream(
            PairSource(reader, order, positions=positions, place=place),
            spec=PixelSpec(
                views=views,
                load_size=load_size,
                crop_size=crop_size,
                batch_size=batch_size,
                num_threads=num_threads,
                device_id=device_id,
            ),
        )

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Batch:
        batch = next(self._stream)
        self.position += self.global_batch_size
        return batch

    def close(self) -> None:
        """Free what DALI holds, and close the files."""
        self._stream.close()


def evaluation_batches(
    *,
    folder: Path,
    split: str,
    view_a: str,
    view_b: str,
    load_size: int,
    crop_size: int,
    batch_size: int,
    rank: int,
    world_size: int,
    num_threads: int,
    device_id: int | None,
) -> Iterator[Batch]:
    """One pass over a split in stored order, cropped from the centre; the last batch holds what is left.

    Each rank gets a part of its own; the parts differ by one sample at most, and some are empty where there
    are fewer samples than ranks. `Batch.index` is the place in the stored order.

    Raises:
        DatasetError: at the call, if the data set is damaged or lacks the split or a view.
    """
    reader, views = _open(folder, split, names=(view_a, view_b))
    order = Order(reader.shard_sizes, seed=0, shuffle_window_shards=1, shuffle=False)
    num_samples = order.num_samples
    share = range(num_samples * rank // world_size, num_samples * (rank + 1) // world_size)

    def positions(number: int) -> range:
        return share[number * batch_size : (number + 1) * batch_size]

    def place(positions: range) -> Placement:
        return centre_placement(len(positions), num_free=load_size - crop_size)

    spec = PixelSpec(
        views=views,
        load_size=load_size,
        crop_size=crop_size,
        batch_size=batch_size,
        num_threads=num_threads,
        device_id=device_id,
    )
    return _then_close(PairSource(reader, order, positions=positions, place=place), spec=spec)


def random_placement(seed: int, positions: range, *, num_free: int, flip: bool) -> Placement:
    """The crops at some positions, in images that are `num_free` pixels larger than the crop."""
    drawn = augmentation(seed, positions)
    corners = np.stack([drawn.crop_y, drawn.crop_x], axis=1) * (num_free + 1)
    return Placement(corners=corners.astype(np.int32), flips=(drawn.flip & flip).astype(np.int32))


def centre_placement(num: int, *, num_free: int) -> Placement:
    """Crops from the middle, not flipped."""
    return Placement(corners=np.full((num, 2), num_free // 2, np.int32), flips=np.zeros(num, np.int32))


def _then_close(source: PairSource, *, spec: PixelSpec) -> Iterator[Batch]:
    stream = PairStream(source, spec=spec)
    try:
        yield from chain(stream)  # by itself, `yield from` would close an abandoned stream a second time
    finally:
        stream.close()


def _open(folder: Path, split: str, *, names: tuple[str, str]) -> tuple[ShardReader, Sequence[View]]:
    manifest = read_manifest(folder)
    reader = ShardReader(folder, manifest, split=split, views=names)
    views = [manifest.views[name] for name in names]
    for name, view in zip(names, views, strict=True):
        if view.content != "image":
            raise DatasetError(
                f"{folder}: view {name!r} holds class indices, which cannot be resized like colours;"
                " choose a view that shows the classes in colours."
            )
        if view.bit_depth != 8 or view.channels not in (1, 3):
            raise DatasetError(
                f"{folder}: view {name!r} has {view.channels} channels of {view.bit_depth} bits, where 1 or 3"
                " of 8 bits can be read; shard the images again in that form."
            )
    return reader, views
