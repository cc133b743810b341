"""How costs grow with samples and with logged lines: `python -m benchmarks.growth`.

A set of any size is one shard of a thousand real samples, linked under as many names as it takes: opening, ordering and
verifying are those of a real set, and the disk holds 1000 samples. Each size is measured in a process of its own, whose
memory says what the size needs. Seconds are of processors, since others may use the machine.
"""

import json
import math
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tyro
from PIL import Image

from benchmarks.machine import command_line, describe_machine
from sharding.cli import main as shard
from sharding.console import markdown_table
from sharding.format.manifest import Shard, index_path
from sharding.format.manifest_file import read_manifest, write_manifest
from sharding.verifying.verify import verify

_IN_A_SHARD = 1000
_SIDE = 16
_MOST_VERIFIED = 10_000
"""Samples; what a larger set takes follows from the rate."""
_POSITIONS = 10_000
_ONE = ("--shard-samples", str(_IN_A_SHARD), "--workers", "1")
_SETS = ("opened, s", "MiB for it", "order's first look, s", "10,000 places, s", "verified, s")
_LINES = ("read, s", "MiB for it", "resumed, s", "report, s", "report, KB", "doctor, s")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is measured."""

    samples: tuple[int, ...] = (1000, 10_000, 100_000, 1_000_000)
    """Sizes of data sets, in thousands of samples."""
    lines: tuple[int, ...] = (10, 100, 1000, 10_000, 100_000)
    """Of metrics.jsonl."""
    part: str = ""
    """One measurement, in this process: of a folder, as JSON."""
    folder: Path = Path()


def _spent(work: Callable[[], Any]) -> tuple[Any, float]:
    before = time.process_time()
    made = work()
    return made, round(time.process_time() - before, 4)


def _mebibytes() -> float:
    """What this process holds at present."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def make_shard(folder: Path) -> None:
    """A thousand pairs of small pictures of noise, as one shard."""
    generator = np.random.default_rng(0)
    for view in ("a", "b"):
        (folder / view).mkdir(parents=True)
        for number in range(_IN_A_SHARD):
            pixels = generator.integers(0, 256, (_SIDE, _SIDE, 3), np.uint8)
            Image.fromarray(pixels).save(folder / view / f"{number:04d}.png")
    views = ["--a", str(folder / "a"), "--b", str(folder / "b")]
    status = shard(["folders", *views, "--out", str(folder / "one"), "--val", "0", "--test", "0", *_ONE])
    assert status == 0


def link_set(one: Path, folder: Path, *, num_samples: int) -> None:
    """A data set in which the shard of the set `one` stands as often as it takes for so many samples."""
    manifest = read_manifest(one)
    (only,) = manifest.splits["train"]
    (folder / "train").mkdir(parents=True)
    shards: list[Shard] = []
    for number in range(num_samples // _IN_A_SHARD):
        linked = replace(only, path=f"train/{number:06d}.tar")
        os.link(one / only.path, folder / linked.path)
        os.link(one / index_path(only.path), folder / index_path(linked.path))
        shards.append(linked)
    write_manifest(folder, replace(manifest, splits={"train": shards}))


def measure_set(folder: Path) -> list[float]:
    """What a set costs before the first sample is read, where samples are found, and how long `verify` takes."""
    from sharding.reading.reader import ShardReader
    from trainer.data.order import Order

    held = _mebibytes()
    reader, opened = _spent(lambda: ShardReader(folder, read_manifest(folder), split="train", views=["a", "b"]))
    held = _mebibytes() - held
    order = Order(reader.shard_sizes, seed=0, shuffle_window_shards=4, shuffle=True)
    _, looked = _spent(lambda: order.at(order.num_samples))  # the second epoch, which looks back at the first
    places = range(order.num_samples // 2, order.num_samples // 2 + _POSITIONS)
    _, found = _spent(lambda: [order.at(position) for position in places])
    return [opened, round(held, 1), looked, found, _verified(folder, order.num_samples)]


def _verified(folder: Path, num_samples: int) -> float:
    """Seconds; the shard's names come again, which it tells."""
    if num_samples > _MOST_VERIFIED:
        return float("nan")
    problems, seconds = _spent(lambda: verify(folder, decode=False))
    assert all("both hold a sample" in problem for problem in problems), problems[:3]
    return seconds


def measure_lines(run_folder: Path) -> list[float]:
    """What a run's lines cost whoever reads them: a resume, the report, the doctor."""
    from trainer.doctor.ear import Doctor
    from trainer.monitoring.metrics_file import JsonlLogger, read_metrics
    from trainer.reports.page import render_report
    from trainer.runs.rundir import RunDir

    run = RunDir(run_folder)
    held = _mebibytes()
    lines, read = _spent(lambda: read_metrics(run.metrics_file))
    held = _mebibytes() - held
    page, reported = _spent(lambda: render_report(run))
    doctor = Doctor([])
    _, heard = _spent(lambda: [doctor.log(line) for line in lines])
    _, resumed = _spent(lambda: JsonlLogger(run.metrics_file, position=int(lines[-1]["position"])).close())
    return [read, round(held, 1), resumed, reported, round(len(page.encode()) / 1000), heard]


def make_run(folder: Path, *, data: Path, num_lines: int) -> None:
    """A run of the default preset that has logged so much: lines as they are written, one in ten with scores."""
    from trainer.config.shrink import shrink
    from trainer.presets import DEFAULT, load_preset
    from trainer.runs.config import RunConfig
    from trainer.runs.rundir import RunDir

    config: RunConfig = load_preset(DEFAULT)
    run = RunDir(folder)
    small = replace(config.data, path=data, view_a="a", view_b="b", load_size=_SIDE, crop_size=_SIDE)
    method = shrink(config.method, {"num_downs": 4, "num_layers": 2})
    run.create(replace(config, data=small, method=method), preset=DEFAULT, command=["diptych", "train"])
    with run.metrics_file.open("w") as file:
        for number in range(1, num_lines + 1):
            file.write(json.dumps(_line(number)) + "\n")


def _line(number: int) -> dict[str, float]:
    losses = {f"loss/{name}": 1 + 1 / (number + at) for at, name in enumerate(_LOSSES)}
    speed = {"throughput/images_per_s": 40.0 + number % 7, "lr/generator": 2e-4, "lr/discriminator": 2e-4}
    scores = {"eval/psnr": 15 + number % 5 / 9, "baseline/mean/psnr": 14.5} if number % 10 == 0 else {}
    return {"position": 400 * number, "kimg": 0.4 * number} | losses | speed | scores


_LOSSES = ("generator/l1", "generator/adversarial", "discriminator/real", "discriminator/fake")


def _in_a_process(part: str, folder: Path) -> list[float]:
    command = [sys.executable, "-m", "benchmarks.growth", "--part", part, "--folder", str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _table(titles: Sequence[str], first: str, found: dict[int, list[float]]) -> str:
    rows = [[f"{size:,}", *(_cell(value) for value in values)] for size, values in found.items()]
    return "\n".join(markdown_table([first, *titles], rows))


def _cell(value: float) -> str:
    return "" if math.isnan(value) else f"{value:g}"


def main(options: Options) -> None:
    """Print both tables."""
    if options.part:
        print(json.dumps({"set": measure_set, "lines": measure_lines}[options.part](options.folder)))
        return
    print(describe_machine("torch"), command_line("benchmarks.growth"), sep="\n")
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_shard(folder)
        sets: dict[int, list[float]] = {}
        for size in options.samples:
            link_set(folder / "one", folder / str(size), num_samples=size)
            sets[size] = _in_a_process("set", folder / str(size))
        print(_table(_SETS, "samples", sets), flush=True)
        lines: dict[int, list[float]] = {}
        for number in options.lines:
            make_run(folder / f"run-{number}", data=folder / "one", num_lines=number)
            lines[number] = _in_a_process("lines", folder / f"run-{number}")
        print(_table(_LINES, "lines", lines))


if __name__ == "__main__":
    main(tyro.cli(Options))
