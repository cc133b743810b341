"""Batches: for training without end, for evaluation once over a split."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, Self

import torch

from sharding.errors import DatasetError
from sharding.format.manifest import Manifest
from sharding.reading.reader import REMEDY, ShardReader
from sharding.storage.cache import Cache
from sharding.storage.place import Url
from trainer.config import DataConfig, JitterConfig, Pairing, Size
from trainer.data.batch import Batch
from trainer.data.dali import PixelStream, first_unusable
from trainer.data.order import Order, rank_positions, rank_share
from trainer.data.prefetch import open_prefetcher
from trainer.data.source import BatchSource, Strand, centre_placement, random_placement
from trainer.data.spec import PixelSpec
from trainer.data.subject import check_views, knows_truth

_AHEAD_IN_STORED_ORDER = 2
"""Shards of a remote data set that are fetched before evaluation comes to them."""


class BatchStream:
    """Iterates over the batches of a source, decoded ahead of time.

    Args:
        has_labels: whether the first strand's samples are to be labelled.
        seed: of the batches' noise.
    """

    def __init__(self, source: BatchSource, *, spec: PixelSpec, has_labels: bool, seed: int) -> None:
        self._source = source
        self._spec = spec
        self._has_labels = has_labels
        self._seed = seed
        self._number = 0
        self._pixels = PixelStream(source, spec=spec)
        # Reading, and the last step from pixels to batch, go on while the trainer works with the batch before.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._next: Future[Batch | None] = self._thread.submit(self._make)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Batch:
        batch = self._next.result()
        if batch is None:
            raise StopIteration
        self._next = self._thread.submit(self._make)
        return batch

    def _make(self) -> Batch | None:
        """The next batch; None after the last. An error is kept until it is asked for."""
        try:
            images = next(self._pixels)
        except StopIteration:
            return None
        except RuntimeError as error:
            self._explain(error)
            raise
        positions, first = self._source.positions(self._number), self._source.strands[0]
        self._number += 1
        a, b = images[0], images[-1]
        # From memory that is not pinned, a copy that does not block is still one that has read its source.
        labels = torch.tensor(first.labels(positions)).to(a.device, non_blocking=True) if self._has_labels else None
        return Batch(
            a=a,
            b=b,
            label=labels,
            index=torch.arange(positions.start, positions.stop),
            keys=first.keys(positions),
            seed=self._seed,
        )

    def close(self) -> None:
        """Free what DALI holds, and close the files."""
        self._thread.shutdown(cancel_futures=True)
        self._pixels.close()
        self._source.close()

    def _explain(self, error: RuntimeError) -> None:
        """Raise DatasetError if an image of the batch is at fault; return if none is."""
        culprit = first_unusable(self._source(self._number), spec=self._spec)
        if culprit is None:
            return
        row, column, reason = culprit
        where = self._source.locate(self._number, row=row, column=column)
        smaller = "the crop" if self._spec.resize == "none" else "the manifest says"
        what = "" if column is None else f" cannot be decoded, or is smaller than {smaller}"
        raise DatasetError(f"{where}{what}. {REMEDY}. DALI's reason: {reason}") from error


class Loader:
    """One rank's share of an endless sequence of global batches of `batch_size * world_size` samples.

    Of the global batch that begins at position p, rank r gets `batch_size` positions from `p + r * batch_size`.
    Epochs follow each other without a gap, so a global batch may span two: see `Order` for what that means. A data
    set smaller than a global batch is repeated within it. A step that accumulates gradients takes several batches.

    With `pairing` "unpaired", a and b are cut from two independent strands, each with its own epochs, crops and
    flips, of a paired data set too: what belongs together meets by chance only, if it is shuffled. With "single", b
    is view b, and a the same tensor.
    """

    def __init__(
        self,
        *,
        data: DataConfig,
        pairing: Pairing,
        manifest: Manifest,
        split: str,
        shuffle: bool,
        seed: int,
        batch_size: int,
        rank: int,
        world_size: int,
        device_id: int | None,
        start_position: int = 0,
    ) -> None:
        """Raises DatasetError if the data set is damaged or lacks the split or label, ConfigError for its views."""
        self.global_batch_size = batch_size * world_size
        self.position = start_position
        """Samples that the whole job has taken: what a checkpoint keeps, to resume from."""

        def positions(number: int) -> range:
            step_position = start_position + number * self.global_batch_size
            return rank_positions(step_position, batch_size_per_gpu=batch_size, rank=rank, world_size=world_size)

        strands = []
        for number, reader in enumerate(_open_readers(data, manifest, split=split, pairing=pairing)):
            make_order = partial(
                Order,
                reader.shard_sizes,
                seed=seed,
                shuffle_window_shards=data.shuffle_window_shards,
                shuffle=shuffle,
                strand=number,
            )
            prefetcher = open_prefetcher(
                reader, make_order, start=start_position, stop=None, ahead=data.shuffle_window_shards
            )
            place = partial(random_placement, seed, flip=data.flip, strand=number)
            strands.append(Strand(reader, make_order(), place=place, prefetcher=prefetcher))
        self.num_samples = strands[0].order.num_samples
        """Of the split: the length of an epoch (of a's, if unpaired)."""
        source = BatchSource(strands, positions=positions)
        spec = _pixel_spec(data, manifest, source, batch_size=batch_size, device_id=device_id)
        self._stream = BatchStream(source, spec=spec, has_labels=data.label is not None, seed=seed)

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
    data: DataConfig,
    pairing: Pairing,
    manifest: Manifest,
    split: str,
    load_size: Size,
    batch_size: int,
    rank: int,
    world_size: int,
    device_id: int | None,
) -> Iterator[Batch]:
    """One pass over a split in stored order, cropped from the centre; the last batch holds what is left.

    Each rank gets a part of its own; the parts differ by one sample at most, and some are empty where there
    are fewer samples than ranks. `Batch.index` is the place in the stored order.

    With `pairing` "unpaired", a and b belong together wherever the data set knows it. Where it does not, the n-th a
    comes with the n-th b, up to the shorter of the two.

    Raises:
        DatasetError: at the call, if the data set is damaged or lacks the split or the label.
        ConfigError: likewise, for a view.
    """
    if pairing == "unpaired" and knows_truth(data, manifest):
        pairing = "paired"
    readers = _open_readers(data, manifest, split=split, pairing=pairing)
    num_samples = min(sum(reader.shard_sizes) for reader in readers)
    share = rank_share(num_samples, rank=rank, world_size=world_size)

    def positions(number: int) -> range:
        return share[number * batch_size : (number + 1) * batch_size]

    def strand(reader: ShardReader) -> Strand:
        order = partial(Order, reader.shard_sizes, seed=0, shuffle_window_shards=1, shuffle=False)
        prefetcher = open_prefetcher(reader, order, start=share.start, stop=share.stop, ahead=_AHEAD_IN_STORED_ORDER)
        return Strand(reader, order(), place=centre_placement, prefetcher=prefetcher)

    def start() -> BatchStream:
        source = BatchSource([strand(reader) for reader in readers], positions=positions)
        as_is = replace(data, load_size=load_size, rotate=False, jitter=JitterConfig())
        spec = _pixel_spec(as_is, manifest, source, batch_size=batch_size, device_id=device_id)
        return BatchStream(source, spec=spec, has_labels=data.label is not None, seed=0)

    return _then_close(start)


def _then_close(start: Callable[[], BatchStream]) -> Iterator[Batch]:
    stream = start()
    try:
        yield from chain(stream)  # by itself, `yield from` would close an abandoned stream a second time
    finally:
        stream.close()


def _open_readers(data: DataConfig, manifest: Manifest, *, split: str, pairing: Pairing) -> list[ShardReader]:
    """One for each strand; the first one's labels are the batch's."""
    check_views(data, manifest, pairing=pairing)
    if pairing == "unpaired":
        strands = [(data.view_a,), (data.view_b,)]
    elif pairing == "single" or data.is_degraded:
        strands = [(data.view_b,)]
    else:
        strands = [(data.view_a, data.view_b)]
    options: dict[str, Any] = {}
    if isinstance(data.path, Url):
        # Evicted files take room as long as they are open: no more than the order goes back and forth between.
        options["cache"] = Cache(data.cache_folder, max_bytes=int(data.cache_limit_gb * 1e9))
        options["max_open"] = 2 * data.shuffle_window_shards
    return [
        ShardReader(data.path, manifest, split=split, views=views, label=None if number else data.label, **options)
        for number, views in enumerate(strands)
    ]


def _pixel_spec(
    data: DataConfig, manifest: Manifest, source: BatchSource, *, batch_size: int, device_id: int | None
) -> PixelSpec:
    return PixelSpec(
        views=[manifest.views[view] for strand in source.strands for view in strand.reader.views],
        classes=manifest.classes,
        degrade=data.degrade,
        resize=data.resize,
        load_size=data.load_shape,
        crop_size=data.crop_shape,
        rotate=data.rotate,
        jitter=data.jitter,
        is_aligned=len(source.strands) == 1,
        batch_size=batch_size,
        num_threads=data.num_threads,
        device_id=device_id,
    )
