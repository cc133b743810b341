"""What translating and scoring take from the command's start to its end: `make bench-evaluate`.

Runs of one step are translated with and scored, each command in a process of its own with an empty cache. `--former`
takes a checkout of another version, whose commands run in turns with ours: as machines change their pace and others use
them, only figures of one run compare. Seconds are of the clock, and of processors, which say more where others compute.
"""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import tyro

from benchmarks.machine import command_line, describe_machine
from benchmarks.material import earth, write_photos
from sharding.console import markdown_table
from trainer.config.data import CACHE_FOLDER

_ROOT = Path(__file__).parents[1]
_PRESETS = {"edges2photo": "pix2pix, by chance", "unpaired-cyclegan": "CycleGAN"}
"""Whose networks are used: of one, whose dropout is on, pictures are made one at a time."""
_TITLES = ("command", "method", "pictures", "ours, s", "ours, processor s", "former, s", "former, processor s", "ratio")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is measured."""

    images: tuple[int, ...] = (20, 2000)
    """Counts of pictures to translate."""
    side: int = 64
    """Of the pictures, in pixels."""
    rounds: int = 3
    """Of each command, of which the median is told."""
    former: Path | None = None
    """A checkout of another version."""


@dataclass(frozen=True)
class Spent:
    """Seconds of a command."""

    clock: float
    processor: float


def spend(command: Sequence[str], *, cwd: Path, environment: Mapping[str, str] | None = None) -> Spent:
    """What a command takes, with `environment` added to this one. Raises RuntimeError with its words if it fails."""
    before, start = _of_children(), time.perf_counter()
    surroundings = {**os.environ, **(environment or {})}
    done = subprocess.run(command, cwd=cwd, env=surroundings, capture_output=True, text=True, check=False)
    spent = Spent(time.perf_counter() - start, _of_children() - before)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr or done.stdout}")
    return spent


def _diptych(tree: Path, *words: str, cache: Path) -> Spent:
    """Raises as `spend`."""
    command = [sys.executable, "-P", "-m", "launch.cli", *words]
    return spend(command, cwd=tree, environment={"PYTHONPATH": str(tree), CACHE_FOLDER: str(cache)})


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _train(preset: str, data: Path, runs: Path) -> Path:
    few = "--train.total-kimg 0.001 --train.batch-size-per-gpu 1 --evaluate.period-kimg 0 --samples.period-kimg 0"
    words = ["train", preset, "--data.path", str(data), "--runs", str(runs), "--name", preset, "--log.wandb=disabled"]
    with TemporaryDirectory() as cache:
        _diptych(_ROOT, *words, "--engine.device=cpu", "--evaluate.encoder=none", *few.split(), cache=Path(cache))
    return runs / preset


def _in_turns(words: Sequence[str], options: Options) -> list[list[Spent]]:
    """Of ours, and of the former version if there is one."""
    trees = [_ROOT] if options.former is None else [_ROOT, options.former.absolute()]
    spent: list[list[Spent]] = [[] for _ in trees]
    for _ in range(options.rounds):
        for found, tree in zip(spent, trees, strict=True):
            with TemporaryDirectory() as folder:
                own = [word.replace("OUT", f"{folder}/out") for word in words]
                found.append(_diptych(tree, *own, cache=Path(folder) / "cache"))
    return spent


def _row(words: Sequence[str], *, title: str, number: str, options: Options) -> list[str]:
    cells, processor = [], []
    for found in _in_turns(words, options):
        processor.append(statistics.median(each.processor for each in found))
        cells += [f"{statistics.median(each.clock for each in found):.1f}", f"{processor[-1]:.1f}"]
    ratio = f"{processor[1] / processor[0]:.2f}" if len(processor) > 1 else ""
    return [words[0], title, number, *cells, *[""] * (4 - len(cells)), ratio]


def _rows(options: Options, folder: Path, data: Path) -> Iterator[list[str]]:
    pictures = {number: folder / str(number) for number in options.images}
    for number, place in pictures.items():
        write_photos(place, data=data, view="satellite", num_files=number, side=options.side)
    for preset, title in _PRESETS.items():
        run = _train(preset, data, folder / "runs")
        for number, place in pictures.items():
            words = ["translate", str(run), "--in", str(place), "--out", "OUT", "--device", "cpu"]
            yield _row(words, title=title, number=str(number), options=options)
        words = ["evaluate", str(run), "--encoder", "none", "--device", "cpu"]
        yield _row(words, title=title, number="test split", options=options)


def main(options: Options) -> None:
    """Print the table, a row as soon as it is there."""
    print(describe_machine("torch"), command_line("benchmarks.translating"), sep="\n")
    with TemporaryDirectory() as folder, earth(64) as data:
        rows = []
        for row in _rows(options, Path(folder), data.absolute()):
            rows.append(row)
            print(" | ".join(row), flush=True)
    print("\n".join(markdown_table(_TITLES, rows)))


if __name__ == "__main__":
    main(tyro.cli(Options))
