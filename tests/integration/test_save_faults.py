"""Saving on two ranks that goes wrong: a full disk, a rank or all of a machine killed in the middle.

What was saved before is untouched, and the run goes on to the bit as one that nothing happened to.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from tests.shrink import shrink
from trainer.checkpoints.layout import EMA_FILE, STATE_FILE, checkpoint_folders
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import DEFAULT, load_preset
from trainer.runs.config import RunConfig
from trainer.runs.rundir import RunDir

pytestmark = [pytest.mark.slow, pytest.mark.soak]

PERIOD, TOTAL = 8, 48
PATIENCE_S = 240
ENOUGH_BYTES = 2 * 10**9
"""Free space with which a run begins; a tmpfs takes no memory for what is free."""


@pytest.fixture(scope="module")
def config(tiny_dataset: Path) -> RunConfig:
    """12 steps of 4 images, saved every second one; ZeRO 1, so that each rank has a part of its own."""
    small = shrink(load_preset(DEFAULT), dataset=tiny_dataset)
    return replace(
        small,
        train=replace(small.train, batch_size_per_gpu=2, total_kimg=TOTAL / 1000),
        engine=replace(small.engine, zero_stage=1),
        log=replace(small.log, period_kimg=0.004),
        checkpoint=replace(small.checkpoint, period_kimg=PERIOD / 1000, keep=3),
    )


def make_run(folder: Path, config: RunConfig) -> RunDir:
    run = RunDir(folder)
    run.create(config, preset=DEFAULT, command=[])
    return run


def start(run: RunDir) -> subprocess.Popen[str]:
    """Begin or go on, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "launch.cli", "train", "--resume", str(run.path), "--num-procs", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def end(process: subprocess.Popen[str], *, status: int = 0) -> str:
    try:
        said, _ = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    assert process.returncode == status, said
    return " ".join(said.split())


def in_the_middle_of_a_save(run: RunDir, process: subprocess.Popen[str], do: Callable[[list[psutil.Process]], None]):
    """Do something to the stopped launcher and its ranks, while what they write of a checkpoint does not count yet."""
    launcher, deadline = psutil.Process(process.pid), time.monotonic() + PATIENCE_S
    while True:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "it does not save"
        if not parts(run):
            time.sleep(0.001)
            continue
        family = [launcher, *launcher.children(recursive=True)]
        for member in family:
            member.suspend()
        if parts(run):
            do(family)
            return
        for member in family:  # it was done already: at the next one
            member.resume()


def parts(run: RunDir) -> list[Path]:
    """Files of a checkpoint that is being written."""
    return [path for path in run.checkpoints.glob(".*.tmp/**/*") if path.suffix == ".pt"]


def kill_all(family: list[psutil.Process]) -> None:
    """As when the power fails."""
    for member in family:
        member.kill()


def kill_rank_1(family: list[psutil.Process]) -> None:
    """The others go on."""
    _, *ranks = family
    (second,) = [rank for rank in ranks if rank.environ().get("RANK") == "1"]
    second.kill()
    for member in family:
        if member is not second:
            member.resume()


def facts(run: RunDir) -> list[dict[str, Any]]:
    """Losses of each log line, without what the machine was doing."""
    lines = [line for line in read_metrics(run.metrics_file) if "lr" in line]
    return [
        {key: value for key, value in line.items() if key in ("position", "lr") or key.startswith("loss/")}
        for line in lines
    ]


def assert_as_undisturbed(run: RunDir, undisturbed: RunDir) -> None:
    """To the bit, and nothing left of what went wrong."""
    assert facts(run) == facts(undisturbed)
    ours, theirs = (
        torch.load(each.checkpoints / f"{TOTAL:08d}" / EMA_FILE, weights_only=True)["generator"]
        for each in (run, undisturbed)
    )
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert sorted(path.name for path in run.checkpoints.iterdir()) == [
        f"{TOTAL - 2 * PERIOD:08d}",
        f"{TOTAL - PERIOD:08d}",
        f"{TOTAL:08d}",
    ]


@pytest.fixture(scope="module")
def undisturbed(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    run = make_run(tmp_path_factory.mktemp("runs") / "whole", config)
    end(start(run))
    assert len(facts(run)) == TOTAL // 4
    return run


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own; `resize` makes it larger."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"only who may mount a file system can fill one: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def resize(place: Path, num_bytes: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={num_bytes}", str(place)], check=True)


def test_a_full_disk(config: RunConfig, undisturbed: RunDir, small_disk: Path):
    """Room for two checkpoints and a half, which a start would refuse: others fill the disk once it has begun."""
    run = make_run(small_disk / "run", config)
    size = sum(path.stat().st_size for path in checkpoint_folders(undisturbed.checkpoints)[0].rglob("*"))
    resize(small_disk, ENOUGH_BYTES)
    process, deadline = start(run), time.monotonic() + PATIENCE_S
    while not list(run.path.glob("logs/*/rank-*.log")):
        assert time.monotonic() < deadline, "no rank begins"
        time.sleep(0.01)
    resize(small_disk, int(2.5 * size))
    said = end(process, status=1)
    assert f"could not write {run.checkpoints / f'{3 * PERIOD:08d}'}" in said
    assert f"make room, then continue with: diptych train --resume {run.path}" in said
    assert "Traceback" not in said
    assert "restarting" not in said
    assert sorted(path.name for path in run.checkpoints.iterdir()) == [f"{PERIOD:08d}", f"{2 * PERIOD:08d}"]
    resize(small_disk, ENOUGH_BYTES)
    end(start(run))
    assert_as_undisturbed(run, undisturbed)


def test_all_processes_killed_in_the_middle_of_a_save(config: RunConfig, undisturbed: RunDir, tmp_path: Path):
    run = make_run(tmp_path / "run", config)
    process = start(run)
    in_the_middle_of_a_save(run, process, kill_all)
    process.communicate()
    assert list(run.checkpoints.glob(".*.tmp")), "half a checkpoint is left"
    end(start(run))
    assert_as_undisturbed(run, undisturbed)


def test_one_rank_killed_in_the_middle_of_a_save(config: RunConfig, undisturbed: RunDir, tmp_path: Path):
    """The launcher starts both again by itself."""
    run = make_run(tmp_path / "run", config)
    process = start(run)
    in_the_middle_of_a_save(run, process, kill_rank_1)
    said = end(process)
    assert "was killed by signal 9" in said
    assert "restarting on 2 ranks" in said
    assert_as_undisturbed(run, undisturbed)


def test_damaged_checkpoints_are_passed_over_and_made_anew(config: RunConfig, undisturbed: RunDir, tmp_path: Path):
    """A byte of rank 1's part of the newest is flipped, and the manifest of the one before is gone."""
    run = RunDir(tmp_path / "run")
    shutil.copytree(undisturbed.path, run.path)
    whole, headless, flipped = checkpoint_folders(run.checkpoints)
    (headless / STATE_FILE).unlink()
    part = flipped / "generator/state/zero_pp_rank_1_mp_rank_00_optim_states.pt"
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    said = end(start(run))
    assert f"{flipped} is damaged: {part.relative_to(flipped)} has changed since it was written" in said
    assert f"{headless} is damaged: it holds no {STATE_FILE}" in said
    assert said.count(f"{whole} is used instead.") == 2
    (aside,) = run.checkpoints.glob(f"{headless.name}.replaced-*")  # without its state it may be the user's
    shutil.rmtree(aside)
    assert_as_undisturbed(run, undisturbed)
