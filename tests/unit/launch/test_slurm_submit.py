"""`--slurm` as its user types it, up to the point where Slurm is needed."""

from pathlib import Path

import pytest

from launch.cli import main

ASKED = ("launch", "--slurm", "--nodes", "4", "--gpus-per-node", "8", "--time-limit", "4:00:00")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_dry_run_shows_the_script_and_makes_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "deadbeef")
    assert main([*ASKED, "--dry-run", "--num-procs", "8:32", "--env", "HOME", "--name", "maps"]) == 0
    said = capsys.readouterr().out
    assert "# trained by Slurm\n# Slurm\nsbatch --parsable runs/maps/slurm/job.sh\n#!/bin/bash\n" in said
    for line in ("--nodes=4", "--gpus-per-node=8", "--cpus-per-task=32", "--time=4:00:00", "--no-kill"):
        assert f"#SBATCH {line}\n" in said
    assert "WANDB_API_KEY" in said
    assert "deadbeef" not in said
    assert f"launch.slurm.job {tmp_path}/runs/maps --slots 8 --max-restarts 3 --num-procs 8:32\n" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--slurm", "--gpus-per-node", "8"), ["nodes = 0"]),
        (("--slurm", "--nodes", "2"), ["gpus_per_node = None", "ranks on the CPU"]),
        (("--slurm", "--nodes", "2", "--gpus-per-node", "2", "--num-procs", "5"), ["num_procs = '5'", "up to 4 ranks"]),
        (("--slurm", "--nodes", "2", "--gpus-per-node", "0", "--engine.device", "cuda"), ["engine.device = 'cuda'"]),
        (("--slurm", "--nodes", "2", "--gpus-per-node", "1", "--time-limit", "4h"), ["time_limit = '4h'"]),
        (("--slurm", "--nodes", "2", "--emit", "rayjob"), ["--emit", "--slurm"]),
        (("--time-limit", "5"), ["--time-limit", "goes with --slurm"]),
        (("--slurm", "--nodes", "2", "--hostfile", "hosts"), ["--hostfile"]),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_made(
    flags: tuple[str, ...], words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["launch", *flags]) == 2
    said = capsys.readouterr().err
    for word in words:
        assert word in said
    assert list(tmp_path.iterdir()) == []


def test_without_slurm_nothing_is_made(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([*ASKED]) == 2
    assert "no `sbatch` on PATH" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
