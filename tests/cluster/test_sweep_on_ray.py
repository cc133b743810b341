"""A sweep on a Ray cluster, one machine of which is lost."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sweeps.plan import SweepDir
from tests.cluster.namespaces import Machine
from tests.cluster.ray_cluster import PORT, ray_cluster
from tests.cluster.test_on_ray import ROOT, commands
from tests.cluster.training import PATIENCE_S
from tests.made_sweep import TINY_TRIALS
from trainer.checkpoints.layout import latest_checkpoint
from trainer.monitoring.metrics_file import read_metrics
from trainer.runs.rundir import RunDir

TOTAL, NUM_REPORTS = 96, 6
SETTINGS = {
    "algorithm": "random",
    "num-trials": 3,
    "num-reports": NUM_REPORTS,
    "train.total-kimg": TOTAL / 1000,
    **TINY_TRIALS,
    "log.wandb": "disabled",
}


def saved(run: RunDir) -> int:
    newest = latest_checkpoint(run.checkpoints)
    return 0 if newest is None else int(newest.name)


def trial_of(machine: Machine, folder: SweepDir) -> str | None:
    """The trial that trains there, by the name in its lock."""
    pids = {str(pid) for pid in machine.pids()}
    for lock in folder.trials.glob("*/.lock"):
        held = json.loads(lock.read_text() or "{}")
        if str(held.get("pid")) in pids:
            return lock.parent.name
    return None


@pytest.mark.timeout(2 * PATIENCE_S)
def test_trials_of_a_lost_machine_go_on_elsewhere(machines: list[Machine], tiny_dataset: Path, tmp_path: Path) -> None:
    head, other, *_ = machines
    folder = SweepDir(tmp_path / "sweep")
    words = [str(word) for name, value in SETTINGS.items() for word in (f"--{name}", value)]
    words += ["--ray", f"{head.address}:{PORT}", "--data.path", str(tiny_dataset), "--sweeps", str(tmp_path)]
    said = tmp_path / "said"
    with ray_cluster([head, other]) as variables, said.open("w") as output:
        sweep = head.start(
            *(sys.executable, "-m", "launch.cli", "sweep", *words, "--name", "sweep"),
            env=variables | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            stdout=output,
            stderr=output,
            cwd=tmp_path,
        )

        def wait_for(condition: Callable[[], object]) -> None:
            deadline = time.monotonic() + PATIENCE_S
            while not condition():
                assert sweep.poll() is None, said.read_text()
                assert time.monotonic() < deadline, said.read_text()
                time.sleep(0.02)

        wait_for(lambda: (name := trial_of(other, folder)) and saved(folder.run(name)))
        lost = trial_of(other, folder)
        assert lost is not None
        run = folder.run(lost)
        at_kill = saved(run)
        first_picture = min(run.samples.iterdir())
        drawn = first_picture.stat().st_mtime_ns
        other.kill()
        assert 0 < at_kill < TOTAL, "the trial was over before its machine was lost"
        assert sweep.wait(PATIENCE_S) == 0, said.read_text()
        assert not any(b"ray::Rank" in command for command in commands(head))
    report = json.loads(folder.report_json.read_text())
    trials = {trial["trial"]: trial for trial in report["trials"]}
    assert {trial["state"] for trial in trials.values()} == {"finished"}
    assert trials[lost]["num_restarts"] == 1
    assert "Failure # 1" in folder.errors(lost).read_text()
    assert first_picture.stat().st_mtime_ns == drawn
    scored = [metrics["position"] for metrics in read_metrics(run.metrics_file) if "eval/psnr" in metrics]
    assert scored == [TOTAL // NUM_REPORTS * number for number in range(1, NUM_REPORTS + 1)]
    assert [path.name for path in folder.path.glob(".tune-*")] == []
