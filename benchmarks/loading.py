"""Pairs per second of our loader, beside those of torch and webdataset, from the same shards on the same cores.

All decode both views of each pair, resize if need be, crop and flip alike, and end at batches in [-1, 1]. They take
turns within one run, so that whatever else the machine does weighs on all.
"""

import multiprocessing
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import islice

import webdataset as wds
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as transforms

from benchmarks.table import median_and_range, ratios
from benchmarks.work import Work, open_loader
from sharding.console import markdown_table
from sharding.format.manifest import Manifest
from sharding.format.manifest_file import read_manifest
from sharding.reading.reader import ShardReader
from trainer.data.order import Order, augmentation

PREFETCH = 2
"""Batches that a worker of a `DataLoader` has ready, its default."""

_LOOK_S = 0.05

Batches = Iterator[Sequence[Tensor]]


class PillowPairs(Dataset):
    """The pair at each position of our order, by Pillow and torchvision."""

    def __init__(self, work: Work, manifest: Manifest) -> None:
        self.work = work
        self.reader = ShardReader(work.folder, manifest, split="train", views=work.views)
        self.order = Order(self.reader.shard_sizes, seed=work.seed, shuffle_window_shards=8, shuffle=True)

    def __getitem__(self, position: int) -> tuple[Tensor, ...]:
        sample = self.order.at(position)
        drawn = augmentation(self.work.seed, range(position, position + 1))
        free = self.work.load_size - self.work.crop_size + 1
        corner = int(drawn.crop_y[0] * free), int(drawn.crop_x[0] * free)
        files = self.reader.read(sample.shard, sample.index)
        return tuple(
            pillow_pixels(Image.open(BytesIO(files[view])), self.work, corner=corner, flip=bool(drawn.flip[0]))
            for view in self.work.views
        )


def pillow_pixels(image: Image.Image, work: Work, *, corner: tuple[int, int], flip: bool) -> Tensor:
    """The usual chain of transforms: float32 [3, crop_size, crop_size] in [-1, 1]."""
    image = image.convert("RGB")
    if image.size != (work.load_size, work.load_size):
        image = transforms.resize(image, [work.load_size, work.load_size], InterpolationMode.BICUBIC)  # type: ignore
    image = transforms.crop(image, *corner, work.crop_size, work.crop_size)  # type: ignore
    if flip:
        image = transforms.hflip(image)  # type: ignore
    return transforms.normalize(transforms.to_tensor(image), [0.5] * 3, [0.5] * 3)


def diptych(work: Work) -> Batches:
    """Ours."""
    loader = open_loader(work)
    try:
        for batch in loader:
            yield batch.a, batch.b
    finally:
        loader.close()


def pillow(work: Work) -> Batches:
    """The incumbent's kind: a map-style data set and worker processes."""
    pairs = PillowPairs(work, read_manifest(work.folder))
    yield from DataLoader(pairs, work.batch_size, sampler=range(10**9), num_workers=work.num_workers)


def pillow_one_more(work: Work) -> Batches:
    """The same with a worker more than there are cores, as we have more threads than that."""
    yield from pillow(replace(work, num_workers=work.num_workers + 1))


def webdataset(work: Work) -> Batches:
    """The webdataset library's own pipeline, as its README builds it, with the same transforms.

    Its order and its draws are others. Only the members of the two views are decoded, so it does no more than the rest.
    """
    manifest = read_manifest(work.folder)
    urls = [str(work.folder / shard.path) for shard in manifest.splits["train"]]
    extensions = [manifest.views[view].extension for view in work.views]
    free = work.load_size - work.crop_size

    def transform(images: tuple[Image.Image, ...]) -> tuple[Tensor, ...]:
        corner, flip = (random.randint(0, free), random.randint(0, free)), random.random() < 0.5
        return tuple(pillow_pixels(image, work, corner=corner, flip=flip) for image in images)

    def is_wanted(name: str) -> bool:
        return name.partition(".")[2] in extensions

    # Fewer shards than workers is an error; then each worker reads them all.
    split = {} if len(urls) >= work.num_workers else {"workersplitter": None}
    samples = wds.WebDataset(urls, shardshuffle=len(urls), select_files=is_wanted, **split)  # type: ignore
    pairs = samples.shuffle(100).decode("pil").to_tuple(*extensions).map(transform)
    batches = pairs.batched(work.batch_size, partial=False).repeat()
    yield from wds.WebLoader(batches, batch_size=None, num_workers=work.num_workers)  # type: ignore


CONTENDERS: dict[str, Callable[[Work], Batches]] = {
    "`DataLoader`, Pillow, torchvision": pillow,
    "the same, one worker more": pillow_one_more,
    "`WebDataset`, Pillow, torchvision": webdataset,
    "Diptych": diptych,  # last: worker processes are forked before DALI's threads run
}


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What one contender did in one round."""

    pairs_per_s: float
    cpu_ms: float
    """Milliseconds of processor time that a pair took, in all processes."""


def time_in_turns(work: Work, *, rounds: int, seconds: float) -> dict[str, list[Turn]]:
    """Each contender's turns; in a round each has one, of about so many seconds."""
    streams = {name: start(work) for name, start in CONTENDERS.items()}
    turns: dict[str, list[Turn]] = {name: [] for name in streams}
    lengths = dict.fromkeys(streams, 2)
    for current in range(rounds + 1):
        for name, stream in streams.items():
            _wait_until_idle()  # the one before fills its queues again: up to six batches, a tenth of a turn
            drain(stream, PREFETCH * (work.num_workers + 1) + 1)  # what was prepared during the others' turns
            start, cpu = time.perf_counter(), _cpu_seconds()
            drain(stream, lengths[name])
            elapsed = time.perf_counter() - start
            num_pairs = lengths[name] * work.batch_size
            if current:  # the first warms up, and tells how much fits a turn
                cpu_ms = 1000 * (_cpu_seconds() - cpu) / num_pairs
                turns[name].append(Turn(pairs_per_s=num_pairs / elapsed, cpu_ms=cpu_ms))
            else:
                lengths[name] = max(2, round(seconds * lengths[name] / elapsed))
    for stream in streams.values():
        stream.close()  # type: ignore
    return turns


def drain(stream: Batches, num: int) -> None:
    for _ in islice(stream, num):
        pass


def _wait_until_idle() -> None:
    """Wait until nothing is prepared in this process or its workers any more."""
    while True:
        before = _cpu_seconds()
        time.sleep(_LOOK_S)
        if _cpu_seconds() - before < _LOOK_S / 10:
            return


def _cpu_seconds() -> float:
    """Processor time of this process and of its workers, which only Linux tells of processes that still run."""
    workers = [child.pid for child in multiprocessing.active_children() if child.pid is not None]
    return time.process_time() + sum(time.clock_gettime((~pid << 3) | 2) for pid in workers)


def largest_difference(work: Work) -> float:
    """The largest difference between our first batch and the `DataLoader`'s, in grey levels: the work is the same."""
    ours, theirs = next(diptych(work)), next(pillow(work))
    return max((our - their).abs().max().item() * 127.5 for our, their in zip(ours, theirs, strict=True))


def compare(work: Work, *, rounds: int, seconds: float) -> list[str]:
    """The Markdown section of one kind of work."""
    difference = largest_difference(work)
    turns = time_in_turns(work, rounds=rounds, seconds=seconds)
    speeds = {name: [turn.pairs_per_s for turn in those] for name, those in turns.items()}
    base = next(iter(speeds.values()))
    rows = [
        [
            name,
            median_and_range(speed, digits=0),
            ratios(speed, base),
            median_and_range([turn.cpu_ms for turn in turns[name]], digits=2),
        ]
        for name, speed in speeds.items()
    ]
    return [
        f"### {work.title}",
        f"Load size {work.load_size}, crop size {work.crop_size}, batches of {work.batch_size} pairs. Pixels of our"
        f" first batch and of the `DataLoader`'s differ by at most {difference:.1f} grey levels.",
        "",
        *markdown_table(["loader", "pairs/s", "ratio", "CPU ms a pair"], rows, is_markup=True),
    ]
