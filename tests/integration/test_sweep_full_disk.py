"""A disk that fills in the middle of a sweep: the sweep says so and ends, and goes on when there is room."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweeps.plan import SweepDir
from tests.integration.test_sweep import PATIENCE_S, SWEEP, by_name, runs, saved_position, start
from trainer.monitoring.metrics_file import read_metrics

pytestmark = [pytest.mark.slow, pytest.mark.soak]

__all__ = ["start"]  # a fixture

NUM_REPORTS = 12
POSITIONS = [8 * number for number in range(1, NUM_REPORTS + 1)]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 MiB in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a disk: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(filler: Path) -> None:
    """Until not a byte more can be written."""
    with filler.open("wb", buffering=0) as file:
        for size in (2**20, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


@pytest.mark.timeout(3 * PATIENCE_S)
def test_a_sweep_goes_on_when_there_is_room_again(start, disk: Path, tiny_dataset: Path) -> None:
    folder = SweepDir(disk / "sweep")
    settings = {"num-reports": NUM_REPORTS, "log.wandb": "disabled", "ranks-per-trial": 1, "cpus-per-rank": 1}
    settings |= {"algorithm": "random", "train.total-kimg": POSITIONS[-1] / 1000, "data.path": tiny_dataset}
    process = start(SWEEP | settings | {"sweeps": disk, "name": "sweep"})
    process.wait_until(lambda: any(saved_position(run) for run in runs(folder)))
    filler = disk / "filler"
    fill(filler)
    assert process.wait() == 1, process.output.read_text()
    said = process.output.read_text()
    assert "No space left on device" in said
    assert "--resume" in said
    filler.unlink()
    assert [path for path in disk.rglob("*.json") if path.stat().st_size == 0] == []
    assert all(json.loads(path.read_text()) for path in folder.path.rglob("*.json"))

    process = start({"resume": folder.path})
    assert process.wait() == 0, process.output.read_text()
    assert [trial["state"] for trial in by_name(folder).values()] == ["finished"] * 2
    for run in runs(folder):
        scored = [metrics["position"] for metrics in read_metrics(run.metrics_file) if "eval/psnr" in metrics]
        assert scored == POSITIONS
