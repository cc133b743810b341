"""A sweep on a Ray cluster, one machine of which is lost."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sweeps.plan import SweepDir
from sweeps.records import read_records
from tests.cluster.namespaces import Machine
from tests.cluster.ray_cluster import PORT, ray_cluster
from tests.cluster.test_on_ray import ROOT, commands
from tests.cluster.training import PATIENCE_S
from tests.made_sweep import TINY_TRIALS
from trainer.checkpoints.layout import latest_checkpoint
from trainer.monitoring.metrics_file import read_metrics
from trainer.runs.rundir import RunDir

TOTAL, NUM_REPORTS = 96, 6
REPORTS = [TOTAL // NUM_REPORTS * number for number in range(1, NUM_REPORTS + 1)]
SOON_WITHOUT_HEAD = {"RAY_gcs_rpc_server_reconnect_timeout_s": "3"}
"""Who waits for a lost head gives up after 3 s instead of a minute."""
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


class OnCluster:
    """`diptych sweep` on a machine of a cluster whose head is the first of all."""

    def __init__(self, machine: Machine, folder: Path, variables: Mapping[str, str], *words: object) -> None:
        self.said = folder / f"said-{time.monotonic_ns()}"
        command = [sys.executable, "-m", "launch.cli", "sweep", *map(str, words)]
        environment = {**variables, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        with self.said.open("w") as output:
            self.process = machine.start(*command, env=environment, stdout=output, stderr=output, cwd=folder)

    def wait_for(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.process.poll() is None, self.said.read_text()
            assert time.monotonic() < deadline, self.said.read_text()
            time.sleep(0.02)

    def wait(self) -> int:
        return self.process.wait(PATIENCE_S)


def begin(machine: Machine, folder: SweepDir, variables: Mapping[str, str], **settings: object) -> OnCluster:
    """A sweep that begins."""
    options = SETTINGS | settings | {"sweeps": folder.path.parent, "name": folder.path.name}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return OnCluster(machine, folder.path.parent, variables, *words)


@pytest.mark.timeout(2 * PATIENCE_S)
def test_trials_of_a_lost_machine_go_on_elsewhere(machines: list[Machine], tiny_dataset: Path, tmp_path: Path) -> None:
    head, other, *_ = machines
    folder = SweepDir(tmp_path / "sweep")
    with ray_cluster([head, other]) as variables:
        sweep = begin(head, folder, variables, ray=f"{head.address}:{PORT}", **{"data.path": tiny_dataset})
        sweep.wait_for(lambda: (name := trial_of(other, folder)) and saved(folder.run(name)))
        lost = trial_of(other, folder)
        assert lost is not None
        run = folder.run(lost)
        at_kill = saved(run)
        first_picture = min(run.samples.iterdir())
        drawn = first_picture.stat().st_mtime_ns
        other.kill()
        assert 0 < at_kill < TOTAL, "the trial was over before its machine was lost"
        assert sweep.wait() == 0, sweep.said.read_text()
        assert not any(b"ray::Rank" in command for command in commands(head))
    trials = trials_of(folder)
    assert {trial["state"] for trial in trials.values()} == {"finished"}
    assert trials[lost]["num_restarts"] == 1
    assert "Failure # 1" in folder.errors(lost).read_text()
    assert first_picture.stat().st_mtime_ns == drawn
    assert scored(run) == REPORTS
    assert [path.name for path in folder.path.glob(".tune-*")] == []


@pytest.mark.soak
@pytest.mark.timeout(3 * PATIENCE_S)
def test_a_sweep_goes_on_when_its_cluster_has_lost_its_head(
    machines: list[Machine], tiny_dataset: Path, tmp_path: Path
) -> None:
    head, other, *_ = machines
    folder = SweepDir(tmp_path / "headless")
    ray = {"ray": f"{head.address}:{PORT}"}
    with ray_cluster([head, other]) as variables:
        sweep = begin(other, folder, variables | SOON_WITHOUT_HEAD, **ray, **{"data.path": tiny_dataset})
        sweep.wait_for(lambda: "finished" in states(folder).values() and min(map(saved, runs(folder)), default=0))
        before = states(folder)
        head.kill()
        assert sweep.wait() != 0, "the sweep was over before its cluster lost its head"
    said = sweep.said.read_text()
    assert "GCS" in said, said
    ended = {name: folder.run(name).metrics_file.stat().st_mtime_ns for name in before if before[name] == "finished"}
    assert set(states(folder).values()) & {"training", "waiting"}, "all trials were over"
    with ray_cluster([head, other]) as variables:
        sweep = OnCluster(other, tmp_path, variables, "--resume", folder.path, "--ray", ray["ray"])
        assert sweep.wait() == 0, sweep.said.read_text()
    assert {trial["state"] for trial in trials_of(folder).values()} == {"finished"}
    assert [scored(run) for run in runs(folder)] == [REPORTS] * SETTINGS["num-trials"]
    assert {name: folder.run(name).metrics_file.stat().st_mtime_ns for name in ended} == ended


def runs(folder: SweepDir) -> list[RunDir]:
    return [RunDir(path.parent) for path in folder.trials.glob("*/run.json")]


def states(folder: SweepDir) -> dict[str, str]:
    """As they are on record."""
    if not folder.sweep_file.exists():
        return {}
    return {name: record.state for name, record in read_records(folder, folder.sweep()).items()}


def scored(run: RunDir) -> list[int]:
    return [metrics["position"] for metrics in read_metrics(run.metrics_file) if "eval/psnr" in metrics]


def trials_of(folder: SweepDir) -> dict[str, dict[str, Any]]:
    return {trial["trial"]: trial for trial in json.loads(folder.report_json.read_text())["trials"]}
