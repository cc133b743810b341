"""A run trained on 2 ranks goes on on 4, 1 or 2: the same samples and crops at the same positions, and scored."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from launch.cli import main
from sharding.format.manifest_file import read_manifest
from tests.distributed.launcher import run_ranks
from tests.shrink import shrink
from trainer.checkpoints.layout import latest_checkpoint
from trainer.data.batch import Batch
from trainer.data.loader import Loader
from trainer.data.subject import Subject
from trainer.loop.setup import open_trainer
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import DEFAULT, load_preset
from trainer.ranks.world import World, lone_world
from trainer.runs.batches import note_global_batch
from trainer.runs.config import RunConfig
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

pytestmark = pytest.mark.slow

TOTAL = 42
STOP_AT = 12
"""A step takes 4 images: on two ranks two micro-batches of 1 each, on one rank four, on four ranks one."""
END = 44
"""Of the last whole step."""
PATIENCE_S = 120


class Seen(NamedTuple):
    """What a rank got at one position."""

    position: int
    key: str
    pixels: str
    """Digest of both crops."""


class Recorder:
    """A loader that notes what it hands out, and tells the run to stop once it has handed out a position."""

    def __init__(self, loader: Loader, *, stop_at: int | None = None) -> None:
        self.loader = loader
        self.seen: list[Seen] = []
        self._stop_at = stop_at

    def __next__(self) -> Batch:
        batch = next(self.loader)
        self.seen += seen_in(batch)
        if self._stop_at is not None and self.loader.position >= self._stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return batch

    def close(self) -> None:
        self.loader.close()


def digest(*images: Tensor) -> str:
    return hashlib.sha256(b"".join(image.contiguous().numpy().tobytes() for image in images)).hexdigest()


def seen_in(batch: Batch) -> list[Seen]:
    rows = zip(batch.index.tolist(), batch.keys, batch.a, batch.b, strict=True)
    return [Seen(position, key, digest(a, b)) for position, key, a, b in rows]


def train(world: World, run: RunDir, stop_at: int | None = None) -> list[Seen]:
    """What `trainer.main` does in each rank, with a recording loader. Returns what this rank saw."""
    trainer = open_trainer(open_run(run), world=world, to_console=False)
    assert isinstance(trainer.loader, Loader)
    recorder = trainer.loader = Recorder(trainer.loader, stop_at=stop_at)
    if trainer.train():
        trainer.finish()
    trainer.close()
    return recorder.seen


def command(run: RunDir, *options: str) -> None:
    """`diptych train --resume RUN`."""
    done = subprocess.run(
        [sys.executable, "-m", "launch.cli", "train", "--resume", str(run.path), *options],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def config(dataset: Path) -> RunConfig:
    small = shrink(load_preset(DEFAULT), dataset=dataset)
    return replace(
        small,
        data=replace(small.data, shuffle_window_shards=2),
        train=replace(small.train, batch_size_per_gpu=1, total_kimg=TOTAL / 1000),
        engine=replace(small.engine, gradient_accumulation_steps=2),
        log=replace(small.log, period_kimg=0.01),
    )


@pytest.fixture(scope="module")
def expected(config: RunConfig) -> list[Seen]:
    """One process, one sample at a time, never stopped."""
    loader = Loader(
        Subject(data=config.data, method=config.method, manifest=read_manifest(config.data.path)),
        world=lone_world(torch.device("cpu")),
        batch_size=1,
        seed=config.train.seed,
    )
    seen = [row for _ in range(TOTAL + 8) for row in seen_in(next(loader))]
    loader.close()
    return seen


@pytest.fixture(scope="module")
def stopped(config: RunConfig, expected: list[Seen], tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A run of two ranks, one of which was told to stop in the middle of an epoch."""
    run = RunDir(tmp_path_factory.mktemp("runs") / "stopped")
    run.create(config, preset=DEFAULT, command=[])
    seen = run_ranks(train, 2, run, STOP_AT)
    assert sorted(row for rows in seen for row in rows) == expected[:STOP_AT]
    assert [row.position % 2 for row in seen[1]] == [1] * (STOP_AT // 2)
    latest = latest_checkpoint(run.checkpoints)
    assert latest is not None
    assert int(latest.name) == STOP_AT
    assert not run.evaluation_file.exists()
    return run


@pytest.fixture
def run(stopped: RunDir, tmp_path: Path) -> RunDir:
    """A copy of that run."""
    shutil.copytree(stopped.path, tmp_path / "run")
    return RunDir(tmp_path / "run")


def assert_complete(run: RunDir, *, end: int) -> None:
    assert (run.checkpoints / f"{end:08d}").is_dir()
    assert run.evaluations()["test"]["position"] == end
    lines = [line for line in read_metrics(run.metrics_file) if "lr" in line]
    positions, seconds = ([line[name] for line in lines] for name in ("position", "time_s"))
    assert positions == sorted(set(positions))
    assert seconds == sorted(seconds), "the clock goes on"


def test_four_ranks_go_on(run: RunDir, expected: list[Seen]) -> None:
    """The last step goes beyond the run's end at 42, to 44."""
    seen = run_ranks(train, 4, run)
    assert sorted(row for rows in seen for row in rows) == expected[STOP_AT:END]
    assert [[row.position % 4 for row in rows] for rows in seen] == [[rank] * 8 for rank in range(4)]
    assert_complete(run, end=END)


def test_one_rank_goes_on(run: RunDir, expected: list[Seen]) -> None:
    (seen,) = run_ranks(train, 1, run)
    assert seen == expected[STOP_AT:END]
    assert_complete(run, end=END)


def test_the_command_goes_on_on_another_number_of_ranks(run: RunDir) -> None:
    command(run, "--num-procs", "1")
    assert_complete(run, end=END)


def test_another_micro_batch_is_another_global_batch(run: RunDir) -> None:
    """On one rank two micro-batches of 3: 12, 18 ... 42."""
    assert run.record()["global_batch"] == 4
    command(run, "--num-procs", "1", "--train.batch-size-per-gpu", "3")
    assert_complete(run, end=TOTAL)
    assert run.record()["global_batch"] == 6


def test_a_number_of_ranks_that_cannot_share_it_is_refused_before_any_starts(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    note_global_batch(run, 3)
    assert main(["train", "--resume", str(run.path), "--num-procs", "2"]) == 2
    assert "num_procs = 2: the run has 3 images to an optimizer step" in capsys.readouterr().err


def test_the_stop_was_in_the_middle_of_an_epoch(dataset: Path, expected: list[Seen]) -> None:
    num_samples = read_manifest(dataset).num_samples("train")
    assert STOP_AT < num_samples < TOTAL
    assert len({row.key for row in expected[:num_samples]}) == num_samples
