"""Pairs per second of our loader, beside a `DataLoader` with Pillow and torchvision, on the same shards and cores.

Both decode both views of each pair, resize if need be, crop and flip alike, and end at batches in [-1, 1]. They take
turns within one run, so that whatever else the machine does weighs on both.

    python -m benchmarks.loader --data data/earth-256
"""

import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import tyro
import webdataset as wds
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as transforms

from benchmarks.machine import command_line, describe_machine
from sharding.manifest import Manifest, View, read_manifest
from sharding.parallel import Crew
from sharding.problems import Problems
from sharding.sample import Draft, Plan, Sample
from sharding.writer import WriteOptions, make_dataset
from trainer.config import DataConfig
from trainer.data.loader import Loader
from trainer.data.order import Order, augmentation
from trainer.data.reader import ShardReader

DATA_SETS = (Path("data/earth-256"), Path("data/earth-128"))
OUT = Path(__file__).parent / "loader.md"

PREFETCH = 2
"""Batches that a worker of a `DataLoader` has ready, its default."""

Batches = Iterator[Sequence[Tensor]]


@dataclass(frozen=True, kw_only=True)
class Work:
    """What every loader does."""

    title: str
    folder: Path
    views: tuple[str, str]
    load_size: int
    crop_size: int
    batch_size: int
    num_workers: int
    """Threads or processes."""
    seed: int = 0


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
    data = DataConfig(
        path=work.folder,
        view_a=work.views[0],
        view_b=work.views[1],
        load_size=work.load_size,
        crop_size=work.crop_size,
        num_threads=work.num_workers,
    )
    loader = Loader(
        data=data,
        pairing="paired",
        manifest=read_manifest(work.folder),
        split="train",
        shuffle=True,
        seed=work.seed,
        batch_size=work.batch_size,
        rank=0,
        world_size=1,
        device_id=None,
    )
    try:
        for batch in loader:
            yield batch.a, batch.b
    finally:
        loader.close()


def pillow(work: Work) -> Batches:
    """The incumbent's kind: a map-style data set and worker processes."""
    pairs = PillowPairs(work, read_manifest(work.folder))
    yield from DataLoader(pairs, work.batch_size, sampler=range(10**9), num_workers=work.num_workers)


def webdataset(work: Work) -> Batches:
    """The webdataset library's own pipeline, with the same transforms; its order and its draws are others."""
    manifest = read_manifest(work.folder)
    urls = [str(work.folder / shard.path) for shard in manifest.splits["train"]]
    extensions = [manifest.views[view].extension for view in work.views]
    free = work.load_size - work.crop_size

    def transform(images: tuple[Image.Image, ...]) -> tuple[Tensor, ...]:
        corner, flip = (random.randint(0, free), random.randint(0, free)), random.random() < 0.5
        return tuple(pillow_pixels(image, work, corner=corner, flip=flip) for image in images)

    def is_wanted(name: str) -> bool:
        return name.partition(".")[2] in extensions

    # Each worker reads all shards (nothing is split), so that few shards serve many workers.
    samples = wds.WebDataset(urls, shardshuffle=False, workersplitter=None, select_files=is_wanted)  # type: ignore
    pairs = samples.shuffle(100).decode("pil").to_tuple(*extensions).map(transform).repeat()
    yield from DataLoader(pairs, work.batch_size, num_workers=work.num_workers)


CONTENDERS: dict[str, Callable[[Work], Batches]] = {
    "`torch.utils.data.DataLoader`, Pillow, torchvision": pillow,
    "`webdataset.WebDataset`, Pillow, torchvision": webdataset,
    "Diptych": diptych,  # last: worker processes are forked before DALI's threads run
}


def time_in_turns(work: Work, *, rounds: int, batches: int) -> dict[str, list[float]]:
    """Pairs per second of each contender in each round; in a round each has its turn."""
    streams = {name: start(work) for name, start in CONTENDERS.items()}
    speeds: dict[str, list[float]] = {name: [] for name in streams}
    for stream in streams.values():
        next(stream)
    for _ in range(rounds):
        for name, stream in streams.items():
            drain(stream, PREFETCH * work.num_workers + 1)  # what was prepared during the others' turns
            start = time.perf_counter()
            drain(stream, batches)
            speeds[name].append(batches * work.batch_size / (time.perf_counter() - start))
    for stream in streams.values():
        stream.close()  # type: ignore
    return speeds


def drain(stream: Batches, num: int) -> None:
    for _ in islice(stream, num):
        pass


def largest_difference(work: Work) -> float:
    """Between pixels of our first batch and of the `DataLoader`'s, in grey levels: the work is indeed the same."""
    ours, theirs = next(diptych(work)), next(pillow(work))
    return max((our - their).abs().max().item() * 127.5 for our, their in zip(ours, theirs, strict=True))


def compare(work: Work, *, rounds: int, batches: int) -> str:
    """The Markdown section of one kind of work."""
    difference = largest_difference(work)
    speeds = time_in_turns(work, rounds=rounds, batches=batches)
    base = next(iter(speeds.values()))
    lines = [
        f"## {work.title}",
        f"Load size {work.load_size}, crop size {work.crop_size}, batches of {work.batch_size} pairs.",
        "",
        "| loader | pairs/s | ratio | ratio in the worst and the best round |",
        "|---|---:|---:|---:|",
    ]
    for name, speed in speeds.items():
        ratios = [one / other for one, other in zip(speed, base, strict=True)]
        lines.append(
            f"| {name} | {median(speed):.0f} | {median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} |"
        )
    note = f"Pixels of the first batch differ by at most {difference:.1f} grey levels between the first and the last."
    return "\n".join([*lines, "", note, ""])


def run(
    *,
    data: Path | None = None,
    rounds: int = 7,
    batches: int = 16,
    batch_size: int = 16,
    cores: int = 2,
    out: Path = OUT,
) -> str:
    """Time the loaders, write the report to `out`, return it.

    Args:
        data: a data set; without it the embedded one at 256 or 128 px, or else one drawn for this purpose.
        rounds: how often each loader has its turn; medians are reported.
        batches: of each turn.
        batch_size: pairs.
        cores: that may be used, and threads or processes of each loader.
        out: the report, in Markdown.
    """
    with some_data(data) as folder, only_cores(cores):
        manifest = read_manifest(folder)
        views = tuple(name for name, view in manifest.views.items() if view.extension.endswith("jpg"))[-2:]
        side = manifest.views[views[0]].width
        assert side is not None
        common: dict[str, Any] = {"folder": folder, "views": views, "batch_size": batch_size, "num_workers": cores}
        stored = Work(title="Stored at load size", load_size=side, crop_size=side * 7 // 8, **common)
        resized = Work(title="Resized on the fly", load_size=round(side * 286 / 256), crop_size=side, **common)
        sections = [compare(work, rounds=rounds, batches=batches) for work in (stored, resized)]
        report = "\n".join(
            [
                "# Loading pairs",
                f"`{command_line('benchmarks.loader')}`: views {views[0]} and {views[1]} of {manifest.name}, {side} px,"
                f" {manifest.num_samples('train')} samples; medians of {rounds} rounds in turns.",
                "",
                describe_machine("torch", "torchvision", "nvidia-dali-cuda130", "webdataset", "pillow"),
                "",
                *sections,
            ]
        )
    out.write_text(report)
    return report


@contextmanager
def only_cores(num: int) -> Iterator[None]:
    """Let this process and those it starts use so many cores."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(allowed)[:num]))
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def some_data(folder: Path | None) -> Iterator[Path]:
    """The folder, or an embedded data set that was made already, or one drawn now."""
    found = [folder] if folder else [known for known in DATA_SETS if known.is_dir()]
    if found:
        yield found[0]
        return
    with tempfile.TemporaryDirectory() as temporary:
        drawn = Path(temporary) / "drawn"
        make_dataset(DrawnPairs(), WriteOptions(out=drawn), progress=lambda done, total: None)
        yield drawn


class DrawnPairs:
    """Two views that are as hard to decode as photographs: noise at all scales."""

    side = 256
    num_samples = 256

    def made_by(self) -> dict[str, Any]:
        return {"source": "drawn for the loader benchmark"}

    def plan(self, crew: Crew, problems: Problems) -> Plan:
        views = {name: View(extension=f"{name}.jpg", width=self.side, height=self.side) for name in ("a", "b")}
        drafts = [Draft(key=f"{n:04d}", split="train", origin=n) for n in range(self.num_samples)]
        return Plan(views=views, classes=[], drafts=drafts, encode=self.encode)

    def encode(self, draft: Draft) -> Sample:
        members = {f"{name}.jpg": self.photo(draft.origin, number) for number, name in enumerate("ab")}
        return Sample(key=draft.key, split=draft.split, members=members)

    def photo(self, *seed: int) -> bytes:
        draws = np.random.default_rng(seed)
        pixels = np.zeros((self.side, self.side, 3))
        for cells in (4, 8, 16, 32, 64, 128, 256):
            noise = Image.fromarray(draws.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
            pixels += np.asarray(noise.resize((self.side, self.side), Image.Resampling.BICUBIC)) / cells**0.6
        file = BytesIO()
        image = Image.fromarray((pixels * (255 / pixels.max())).astype(np.uint8))
        image.save(file, "JPEG", quality=92)
        return file.getvalue()


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(tyro.cli(run))
