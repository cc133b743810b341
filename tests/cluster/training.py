"""Runs of a few small steps, whose losses tell whether anything was lost on the way."""

import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import torch

from tests.shrink import shrink
from trainer.checkpoints.layout import EMA_FILE, latest_checkpoint
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import DEFAULT, load_preset
from trainer.runs.config import RunConfig
from trainer.runs.rundir import RunDir

PATIENCE_S = 300.0
"""For ranks on two slow cores to load torch and to train some steps."""

STEP = 8
"""Images of a step of two ranks."""


def small_config(dataset: Path, *, steps: float) -> RunConfig:
    """The default preset, small; two ranks log each step. What they learn does not depend on how many steps follow."""
    config = shrink(load_preset(DEFAULT), dataset=dataset)
    return replace(
        config,
        train=replace(config.train, total_kimg=steps * STEP / 1000),
        optimizer=replace(config.optimizer, schedule="constant"),
        checkpoint=replace(config.checkpoint, period_kimg=10 * STEP / 1000),
    )


def make_run(folder: Path, dataset: Path, *, steps: float) -> RunDir:
    """A run that has not begun."""
    run = RunDir(folder)
    run.create(small_config(dataset, steps=steps), preset=DEFAULT, command=[])
    return run


def train_here(run: RunDir) -> None:
    """Train on two ranks of this machine, undisturbed."""
    command = [sys.executable, "-m", "launch.cli", "train", "--resume", str(run.path), "--num-procs", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=2 * PATIENCE_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def assert_same(run: RunDir, undisturbed: RunDir) -> None:
    """Every loss and the weights at the end are the same to the bit.

    A step after which a run was told to stop has no line of its own: the next line is the mean of two steps.
    """
    ours, theirs = losses(run), losses(undisturbed)
    before = dict(pairwise(reversed([0, *theirs])))
    told = {position for position in ours if before[position] not in (0, *ours)}
    assert len(ours) - len(told) > len(theirs) / 2
    assert {p: ours[p] for p in ours if p not in told} == {p: theirs[p] for p in ours if p not in told}
    ends = [latest_checkpoint(each.checkpoints) for each in (run, undisturbed)]
    weights = [torch.load(end / EMA_FILE, weights_only=True)["generator"] for end in ends if end is not None]
    assert len(weights) == len(ends)
    assert weights[0].keys() == weights[1].keys()
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name


def losses(run: RunDir) -> dict[int, dict[str, float]]:
    """Position -> the losses of the step that led there."""
    lines = read_metrics(run.metrics_file)
    found = {int(line["position"]): {k: v for k, v in line.items() if k.startswith("loss/")} for line in lines}
    return {position: values for position, values in found.items() if values}
