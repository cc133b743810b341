"""How fast shards are written: files as they are against a plain copy of them, resized ones on one and on two cores."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.material import write_photos
from benchmarks.table import median_and_range, ratios
from sharding.console import markdown_table

SHARD_MB = 16
"""So that what one worker still writes while the others have nothing left to do is short."""


@dataclass(frozen=True, kw_only=True)
class Photos:
    """How many are sharded, and of what size."""

    num_original: int = 6000
    num_resized: int = 4800
    side: int = 512
    stored_side: int = 256


def writing(photos: Photos, *, data: Path, view: str, folder: Path, num_workers: int, rounds: int) -> list[str]:
    """The Markdown tables. Files are read from the page cache, and written to the disk to the last byte."""
    many, few = folder / "many", folder / "few"
    num_bytes = write_photos(many, data=data, view=view, num_files=photos.num_original, side=photos.side)
    few_bytes = write_photos(few, data=data, view=view, num_files=photos.num_resized, side=photos.side)
    resized = ["--size", str(photos.stored_side)]
    original = ["--store", "original"]
    out = folder / "out"
    seconds = _in_turns(
        {
            "copy": lambda: copy(many, out),
            "original": lambda: shard(many, out, *original, num_workers=num_workers),
            "size, one": lambda: shard(few, out, *resized, num_workers=1),
            "size, all": lambda: shard(few, out, *resized, num_workers=num_workers),
        },
        out=out,
        rounds=rounds,
    )
    sizes = {"copy": num_bytes, "original": num_bytes, "size, one": few_bytes, "size, all": few_bytes}
    speeds = {name: [sizes[name] / 1e6 / second for second in those] for name, those in seconds.items()}

    def row(title: str, name: str, base: str) -> list[str]:
        return [title, median_and_range(speeds[name], digits=0), ratios(speeds[name], speeds[base])]

    return [
        *markdown_table(
            [f"{photos.num_original} files, {num_bytes / 1e6:.0f} MB", "MB/s", "ratio"],
            [
                row("plain copy: `cp -r`, then `sync` of the file system", "copy", "copy"),
                row(f"`--store original`, {num_workers} workers", "original", "copy"),
            ],
            is_markup=True,
        ),
        "",
        *markdown_table(
            [f"{photos.num_resized} files of {photos.side} px to {photos.stored_side} px", "MB/s read", "ratio"],
            [
                row("one worker", "size, one", "size, one"),
                row(f"{num_workers} workers", "size, all", "size, one"),
            ],
            is_markup=True,
        ),
    ]


def _in_turns(ways: dict[str, Callable[[], float]], *, out: Path, rounds: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for current in range(rounds + 1):
        for name, way in ways.items():
            os.sync()  # what is left of the last one's writing
            second = way()
            shutil.rmtree(out)
            if current:  # the first warms up
                seconds[name].append(second)
    return seconds


def copy(source: Path, out: Path) -> float:
    """Seconds."""
    start = time.perf_counter()
    subprocess.run(["cp", "-r", str(source), str(out)], check=True)
    subprocess.run(["sync", "--file-system", str(out)], check=True)
    return time.perf_counter() - start


def shard(source: Path, out: Path, *options: str, num_workers: int) -> float:
    """Seconds, as `diptych shard` says them: without the start of Python, with that of the workers."""
    command = [sys.executable, "-m", "launch.cli", "shard", "images", "--folder", str(source), "--out", str(out)]
    command += [*options, "--workers", str(num_workers), "--shard-mb", str(SHARD_MB)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"made in ([\d.]+) s", said)
    if found is None:
        raise RuntimeError(f"{' '.join(command)} did not say how long it took, but: {said}")
    return float(found[1])
