"""A run that was killed and continued gives, bit for bit, the losses of one that never stopped."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.shrink import shrink
from trainer.checkpoints.layout import EMA_FILE, latest_checkpoint
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import DEFAULT, load_preset
from trainer.ranks.exits import STOPPED
from trainer.runs.config import RunConfig
from trainer.runs.rundir import RunDir

PATIENCE_S = 120


@pytest.fixture(scope="module")
def config(tiny_dataset: Path) -> RunConfig:
    """60 steps of 2 images; with dropout, crops, moving average and a falling learning rate."""
    small = shrink(load_preset(DEFAULT), dataset=tiny_dataset)
    return replace(
        small,
        train=replace(small.train, total_kimg=0.12),
        # Lines are means over 5 steps, and checkpoints come in the middle of that.
        log=replace(small.log, period_kimg=0.01),
        checkpoint=replace(small.checkpoint, period_kimg=0.016),
    )


def make_run(folder: Path, config: RunConfig) -> RunDir:
    run = RunDir(folder)
    run.create(config, preset=DEFAULT, command=[])
    return run


def start(run: RunDir, *, largest_file: int | None = None) -> subprocess.Popen:
    """Continue a run, or begin it; with `largest_file` (bytes) no longer file can be written, as on a full disk.

    Nor bytecode: Python 3.11 leaves what was cut off in the place of a module that it imports first.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "launch.cli", "train", "--resume", str(run.path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    if largest_file is not None:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (largest_file, largest_file))
    return process


def wait_for_lines(run: RunDir, process: subprocess.Popen, *, beyond: int) -> None:
    """Until a line of metrics beyond a position is there, in the middle of training."""
    deadline = time.monotonic() + PATIENCE_S
    while not any(metrics["position"] > beyond for metrics in read_metrics(run.metrics_file)):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "no progress"
        time.sleep(0.02)


def kill(run: RunDir, number: signal.Signals, *, beyond: int) -> int:
    process = start(run)
    wait_for_lines(run, process, beyond=beyond)
    process.send_signal(number)
    process.communicate(timeout=PATIENCE_S)
    return process.returncode


def finish(run: RunDir) -> None:
    process = start(run)
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, output


def losses(run: RunDir) -> list[dict]:
    return [
        {key: value for key, value in metrics.items() if key == "position" or key.startswith(("loss/", "lr"))}
        for metrics in read_metrics(run.metrics_file)
        if "lr" in metrics  # not of saves, of which a stopped run has one more
    ]


@pytest.fixture(scope="module")
def uninterrupted(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    run = make_run(tmp_path_factory.mktemp("runs") / "whole", config)
    finish(run)
    return run


@pytest.fixture(scope="module")
def interrupted(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """Failed at a full disk, begun anew, killed by SIGKILL, continued, stopped by SIGTERM, continued to the end."""
    run = make_run(tmp_path_factory.mktemp("runs") / "parts", config)
    failed = start(run, largest_file=300_000)
    output, _ = failed.communicate(timeout=PATIENCE_S)
    assert failed.returncode == 1
    assert "could not write" in output
    assert "00000016" in output
    assert "Traceback" not in output
    assert list(run.checkpoints.iterdir()) == []
    assert kill(run, signal.SIGKILL, beyond=20) == -signal.SIGKILL
    last = latest_checkpoint(run.checkpoints)
    assert last is not None
    assert int(last.name) % 16 == 0
    assert kill(run, signal.SIGTERM, beyond=60) == STOPPED
    last = latest_checkpoint(run.checkpoints)
    assert last is not None
    assert int(last.name) > 60
    assert not run.evaluation_file.exists()
    finish(run)
    return run


def test_losses_are_bit_identical(uninterrupted: RunDir, interrupted: RunDir):
    expected = losses(uninterrupted)
    assert len(expected) == 12
    assert losses(interrupted) == expected


def test_averaged_weights_are_bit_identical(uninterrupted: RunDir, interrupted: RunDir):
    whole, parts = (
        torch.load(run.checkpoints / "00000120" / EMA_FILE, weights_only=True)["generator"]
        for run in (uninterrupted, interrupted)
    )
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_scores_are_identical(uninterrupted: RunDir, interrupted: RunDir):
    whole, parts = (
        json.loads(run.evaluation_file.read_text())["splits"]["test"]["scores"] for run in (uninterrupted, interrupted)
    )
    assert whole == parts


def test_no_half_checkpoint_stays(interrupted: RunDir, config: RunConfig):
    names = sorted(path.name for path in interrupted.checkpoints.iterdir())
    assert len(names) == config.checkpoint.keep
    assert names[-1] == "00000120"
