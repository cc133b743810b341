"""`make bench-data`: the speed of the data plane, side by side with what else there is; writes benchmarks/data.md.

python -m benchmarks.data --rounds 9
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import tyro

from benchmarks.loading import compare
from benchmarks.machine import command_line, describe_machine
from benchmarks.material import Side, earth
from benchmarks.stages import shares
from benchmarks.waiting import first_batch, loader_wait
from benchmarks.work import Work
from benchmarks.writing import Photos, writing
from sharding.storage.memory import keep_freed_memory
from trainer.config.data import DataConfig

OUT = Path(__file__).parent / "data.md"
VIEWS = ("relief", "satellite")


@dataclass(frozen=True, kw_only=True)
class Options:
    """How long, and of what."""

    rounds: int = 7
    """Turns of each loader; the slower comparisons take fewer."""
    seconds: float = 1.0
    """Of one turn of a loader."""
    cores: int = 2
    num_threads: int = DataConfig().num_threads
    """Of our loader: the setting `data.num_threads`, unless given."""
    batch_size: int = 16
    """Pairs."""
    side: Side = 256
    """Pixels: of the embedded set that the loaders read."""
    num_images: int = 240
    """Of the training that tells how long the loader is waited for; 0 leaves it out."""
    photos: Photos = field(default_factory=Photos)
    out: Path = OUT


def works(folder: Path, options: Options) -> list[Work]:
    """The work from a square view of `side`: a smaller crop of it as it is, and a crop of `side` after resizing."""
    common: dict[str, Any] = {
        "folder": folder,
        "views": VIEWS,
        "batch_size": options.batch_size,
        "num_workers": options.cores,
        "num_threads": options.num_threads,
    }
    side = options.side
    return [
        Work(title="Stored at load size", load_size=side, crop_size=side * 7 // 8, **common),
        Work(title="Resized on the fly", load_size=round(side * 143 / 128), crop_size=side, **common),
    ]


def run(options: Options) -> str:
    """Time everything; the report as Markdown."""
    with only_cores(options.cores), earth(options.side) as folder, TemporaryDirectory() as temporary:
        report = [
            "# The data plane",
            "",
            describe_machine("torch", "torchvision", "nvidia-dali-cuda130", "webdataset", "pillow"),
            "",
            f"Command: `{command_line('benchmarks.data')}`. Medians of turns; in brackets the least and the most.",
            "",
            f"Pairs of {' and '.join(VIEWS)} of earth-{options.side}, JPEG; {options.cores} worker processes, and"
            f" {options.num_threads} threads of ours.",
            "",
        ]
        report += ["## Loading"]
        for work in works(folder, options):
            _say(f"loaders: {work.title}")
            report += ["", *compare(work, rounds=options.rounds, seconds=options.seconds)]
        report += ["", "## Where the time of ours goes"]
        for work in works(folder, options):
            _say(f"stages: {work.title}")
            report += ["", *shares(work, rounds=options.rounds, batches=max(1, 320 // options.batch_size))]
        _say("first batch")
        report += ["", "## Waiting", "", *first_batch(works(folder, options)[0], rounds=3)]
        if options.num_images:
            _say("a short training")
            with earth(128) as small:
                report += ["", *loader_wait(small, Path(temporary) / "run", num_images=options.num_images)]
        _say("sharding")
        report += ["", "## Sharding", ""]
        report += writing(
            options.photos,
            data=folder,
            view=VIEWS[1],
            folder=Path(temporary),
            num_workers=options.cores,
            rounds=min(3, options.rounds),
        )
    text = "\n".join([*report, ""])
    options.out.write_text(text)
    return text


@contextmanager
def only_cores(num: int) -> Iterator[None]:
    """Let this process and those it starts use so many cores."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(allowed)[:num]))
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def main() -> None:
    """Run from the command line."""
    torch.set_num_threads(1)  # decoding is what the cores are for
    keep_freed_memory()  # as each rank does; the workers of the others inherit it
    print(run(tyro.cli(Options, description=__doc__)))


if __name__ == "__main__":
    main()
