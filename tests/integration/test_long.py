"""Twenty thousand steps in one process: neither its memory nor the files that it has open grow with their number."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from tests.shrink import shrink
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import DEFAULT, load_preset
from trainer.runs.rundir import RunDir

pytestmark = [pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(7200)]

STEPS = 20_000
LOGGED_STEPS = 100
EACH_STEPS = 5000
"""Scores and a checkpoint."""
MOST_MIB = 32
"""1.6 KiB a step."""


@dataclass(frozen=True)
class Seen:
    """A look at the process."""

    step: int
    mebibytes: float
    num_files: int


def _begin(run: RunDir, dataset: Path) -> None:
    """Steps of one image of the default preset, as small as it can be: logs, scores and checkpoints as they come."""
    small = shrink(load_preset(DEFAULT), dataset=dataset)
    config = replace(
        small,
        train=replace(small.train, batch_size_per_gpu=1, total_kimg=STEPS / 1000),
        log=replace(small.log, period_kimg=LOGGED_STEPS / 1000),
        evaluate=replace(small.evaluate, period_kimg=EACH_STEPS / 1000, encoder="none"),
        checkpoint=replace(small.checkpoint, period_kimg=EACH_STEPS / 1000, keep=2),
    )
    run.create(config, preset=DEFAULT, command=[])


def _watch(run: RunDir, command: list[str]) -> list[Seen]:
    """Looks at the process, some for each hundred steps, until it ends. Raises RuntimeError with its words if badly."""
    seen: list[Seen] = []
    with (run.path / "said.txt").open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        known = psutil.Process(process.pid)
        while process.poll() is None:
            time.sleep(1)
            lines = [line for line in read_metrics(run.metrics_file) if "throughput/images_per_s" in line]
            try:
                held, files = known.memory_info().rss / 2**20, known.num_fds()
            except psutil.Error:
                break
            if lines:
                seen.append(Seen(int(lines[-1]["position"]), held, files))
    if process.wait():
        raise RuntimeError((run.path / "said.txt").read_text()[-3000:])
    return seen


def test_memory_and_open_files_do_not_grow_with_steps(
    tiny_dataset: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    run = RunDir(tmp_path / "run")
    _begin(run, tiny_dataset)
    seen = _watch(run, [sys.executable, "-m", "launch.cli", "train", "--resume", str(run.path)])
    early = [look for look in seen if EACH_STEPS < look.step <= 2 * EACH_STEPS]  # scores and a save are behind it
    late = [look for look in seen if look.step > STEPS - EACH_STEPS]
    assert min(len(early), len(late)) >= 5, seen
    held = [statistics.median(look.mebibytes for look in looks) for looks in (early, late)]
    files = [statistics.median(look.num_files for look in looks) for looks in (early, late)]
    speeds = [line["throughput/images_per_s"] for line in read_metrics(run.metrics_file) if "loss/generator/l1" in line]
    assert len(speeds) == STEPS // LOGGED_STEPS
    each = 1000 // LOGGED_STEPS  # told, and not asserted: the machine may have other work
    for name, some in {"second thousand": speeds[each : 2 * each], "last thousand": speeds[-each:]}.items():
        record_property(f"steps/s of the {name}", statistics.median(some))
    record_property("MiB", held)
    assert held[1] - held[0] < MOST_MIB, seen
    assert files[1] == files[0], seen
