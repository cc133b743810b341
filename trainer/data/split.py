"""The images of a split once, as evaluation and sample grids see them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

from sharding.reading.reader import ShardReader
from trainer.config.data import JitterConfig, Pairing
from trainer.data.batch import Batch
from trainer.data.loader import BatchStream, open_readers, pixel_spec
from trainer.data.order import Order, rank_share
from trainer.data.prefetch import open_prefetcher
from trainer.data.source import BatchSource, Strand, centre_placement
from trainer.data.subject import Subject
from trainer.data.views import check_views
from trainer.ranks.world import World

_AHEAD = 2
"""Shards of a remote data set that are fetched before evaluation comes to them."""


def split_images(
    subject: Subject,
    *,
    split: str,
    world: World,
    batch_size: int = 1,
    most: int | None = None,
    places: Sequence[int] | None = None,
) -> Iterator[Batch]:
    """This rank's share of one pass in stored order, cut from the centre, not flipped; with labels where there are any.

    One image at a time for whatever is translated: a method may use batch statistics, and only so do results depend
    neither on the batch size nor on the ranks. The ranks' shares differ by one sample at most, and some are empty where
    there are fewer samples than ranks. A target keeps the colours of its classes when it is resized. `Batch.index` is
    the place in the stored order; the last batch holds what is left.

    Of a subject that learns from one view, a is b. Of one that learns from unpaired images, a and b belong together
    nevertheless where the truth is known; where not, they are the n-th of each, up to the shorter of the two: good for
    pictures and round trips, never for the truth.

    Args:
        most: images of the split that are seen, over all ranks: those whose names' hashes come first.
        places: in the stored order, ascending: these images alone, one at a time, on every rank.

    Raises:
        DatasetError: at the call: the data set is damaged, or lacks the split or the label.
        ConfigError: it lacks a view, or has it in a form that cannot be trained on.
    """
    pairing: Pairing = "paired" if subject.pairing == "unpaired" and subject.knows_truth else subject.pairing
    check_views(subject.data, subject.manifest, pairing=pairing)
    as_is = replace(subject.data, load_size=subject.evaluation_size, rotate=False, jitter=JitterConfig())
    return _one_pass(
        replace(subject, data=as_is),
        split=split,
        pairing=pairing,
        world=world,
        batch_size=batch_size,
        most=most,
        flat_target=True,
        labels=subject.labels,
        class_views=subject.method.class_views,
        places=places,
    )


def side_images(
    subject: Subject, *, view: str, split: str, world: World, batch_size: int = 1, most: int | None = None
) -> Iterator[Batch]:
    """All images of one view alone, without labels or class numbers, each as a and b, cut as by `split_images`."""
    size = subject.evaluation_size
    # One side of unpaired images has no labels.
    alone = replace(subject.data, view_b=view, label=None, load_size=size, rotate=False, jitter=JitterConfig())
    return _one_pass(
        replace(subject, data=alone),
        split=split,
        pairing="single",
        world=world,
        batch_size=batch_size,
        most=most,
        flat_target=view == subject.data.view_b,
        labels=(),
        class_views=(),
    )


def _one_pass(
    subject: Subject,
    *,
    split: str,
    pairing: Pairing,
    world: World,
    batch_size: int,
    most: int | None,
    flat_target: bool,
    labels: Sequence[str],
    class_views: Sequence[str],
    places: Sequence[int] | None = None,
) -> Iterator[Batch]:
    readers = open_readers(subject, split=split, pairing=pairing, labels=labels, most=most)
    num_samples = min(sum(reader.shard_sizes) for reader in readers)
    share = rank_share(num_samples, rank=world.rank, world_size=world.size)

    if places is not None:
        share = range(places[0], places[-1] + 1) if places else range(0)

    def positions(number: int) -> range:
        if places is not None:
            return range(places[number], places[number] + 1) if number < len(places) else range(0)
        return share[number * batch_size : (number + 1) * batch_size]

    def strand(reader: ShardReader) -> Strand:
        order = partial(Order, reader.shard_sizes, seed=0, shuffle_window_shards=1, shuffle=False)
        prefetcher = open_prefetcher(reader, order, start=share.start, stop=share.stop, ahead=_AHEAD)
        return Strand(reader, order(), place=centre_placement, prefetcher=prefetcher)

    def start() -> BatchStream:
        source = BatchSource([strand(reader) for reader in readers], positions=positions)
        device_id = world.device_id
        spec = pixel_spec(subject.data, subject.manifest, source, batch_size=batch_size, device_id=device_id)
        spec = replace(spec, flat_target=flat_target)
        return BatchStream(source, spec=spec, label=subject.data.label, class_views=class_views, seed=0)

    return _then_close(start)


def _then_close(start: Callable[[], BatchStream]) -> Iterator[Batch]:
    stream = start()
    try:
        yield from chain(stream)  # by itself, `yield from` would close an abandoned stream a second time
    finally:
        stream.close()
