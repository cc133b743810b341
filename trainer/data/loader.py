"""Batches for training, without end."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, Self

import torch

from sharding.errors import DatasetError
from sharding.format.manifest import Manifest
from sharding.reading.reader import ShardReader
from sharding.reading.shard_files import REMEDY
from sharding.storage.cache import Cache
from sharding.storage.place import Url
from trainer.config.data import DataConfig, Pairing
from trainer.data.batch import Batch
from trainer.data.dali import PixelStream, first_unusable
from trainer.data.order import Order, rank_positions
from trainer.data.prefetch import open_prefetcher
from trainer.data.source import BatchSource, Strand, random_placement
from trainer.data.spec import PixelSpec
from trainer.data.subject import Subject
from trainer.data.views import check_views
from trainer.pictures.classes import class_colors, exact_class
from trainer.ranks.world import World


class BatchStream:
    """Iterates over the batches of a source, decoded ahead of time.

    Args:
        label: which of the first strand's labels is that of the batch.
        class_views: of which the batch is to have class numbers, too.
        seed: of the batches' noise.
    """

    def __init__(
        self, source: BatchSource, *, spec: PixelSpec, label: str | None, class_views: Sequence[str] = (), seed: int
    ) -> None:
        self._source = source
        self._spec = spec
        self._label = label
        self._class_views = class_views
        self._colors = class_colors(spec.classes)
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
        positions = self._source.positions(self._number)
        self._number += 1
        return self._batch(images, positions)

    def _batch(self, images: Sequence[torch.Tensor], positions: range) -> Batch:
        first = self._source.strands[0]
        views = {"a": images[0], "b": images[-1]} | ({"c": images[1]} if len(images) > 2 else {})
        # From memory that is not pinned, a copy that does not block is still one that has read its source.
        labels = {
            name: torch.tensor(values).to(images[0].device, non_blocking=True)
            for name, values in first.labels(positions).items()
        }
        return Batch(
            a=views["a"],
            b=views["b"],
            c=views.get("c"),
            label=None if self._label is None else labels[self._label],
            labels=labels,
            classes={name: exact_class(views[name], self._colors) for name in self._class_views},
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
        subject: Subject,
        *,
        world: World,
        batch_size: int,
        seed: int,
        start_position: int = 0,
        split: str = "train",
        shuffle: bool = True,
        flat_target: bool = False,
    ) -> None:
        """Open the readers. `flat_target`: see `PixelSpec`.

        Raises:
            DatasetError: the data set is damaged, or lacks the split or label.
            ConfigError: it lacks a view, or has it in a form that cannot be trained on.
        """
        self.global_batch_size = batch_size * world.size
        self.position = start_position
        """Samples that the whole job has taken: what a checkpoint keeps, to resume from."""
        data = subject.data

        def positions(number: int) -> range:
            step_position = start_position + number * self.global_batch_size
            return rank_positions(step_position, batch_size_per_gpu=batch_size, rank=world.rank, world_size=world.size)

        strands = []
        for number, reader in enumerate(open_readers(subject, split=split, pairing=subject.pairing)):
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
        """Of the split that are trained on: the length of an epoch (of a's, if unpaired)."""
        self.source = BatchSource(strands, positions=positions)
        spec = pixel_spec(data, subject.manifest, self.source, batch_size=batch_size, device_id=world.device_id)
        views, spec = subject.method.class_views, replace(spec, flat_target=flat_target)
        self._stream = BatchStream(self.source, spec=spec, label=data.label, class_views=views, seed=seed)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Batch:
        batch = next(self._stream)
        self.position += self.global_batch_size
        return batch

    def close(self) -> None:
        """Free what DALI holds, and close the files."""
        self._stream.close()


def open_readers(
    subject: Subject,
    *,
    split: str,
    pairing: Pairing,
    labels: Sequence[str] | None = None,
    most: int | None = None,
) -> list[ShardReader]:
    """One for each strand; the first one's labels are the batch's. A third view stands between the two others.

    Args:
        pairing: which may be another than that of training.
        labels: names of those that are read; the subject's unless given.
        most: samples that are read, of the split's.
    """
    data, manifest = subject.data, subject.manifest
    check_views(data, manifest, pairing=pairing)
    if pairing == "unpaired":
        strands = [(data.view_a,), (data.view_b,)]
    elif pairing == "single" or data.is_degraded:
        strands = [(data.view_b,)]
    else:
        between = () if data.view_c is None else (data.view_c,)
        strands = [(data.view_a, *between, data.view_b)]
    options: dict[str, Any] = {"split": subject.stored_split(split)}
    if isinstance(data.path, Url):
        # Evicted files take room as long as they are open: no more than the order goes back and forth between.
        options["cache"] = Cache(data.cache_folder, max_bytes=int(data.cache_limit_gb * 1e9))
        options["max_open"] = 2 * data.shuffle_window_shards
    return [
        ShardReader(
            data.path,
            manifest,
            views=views,
            labels=() if number else subject.labels if labels is None else labels,
            share=subject.share(split, views[0], most=most),
            **options,
        )
        for number, views in enumerate(strands)
    ]


def pixel_spec(
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
