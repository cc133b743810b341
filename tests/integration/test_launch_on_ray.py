"""`diptych launch --ray` on a Ray of this machine: trains as local ranks do, and goes on after a rank was killed."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from tests.integration.test_sweep import SWEEP, command_of, saved_position
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import DEFAULT
from trainer.runs.rundir import RunDir

pytestmark = [pytest.mark.slow, pytest.mark.soak]

PATIENCE_S = 200
TOTAL = 1600
_OF_SWEEPS = ("num-", "max-", "ranks-", "reduction-", "train.total-kimg", "log.wandb")
SETTINGS: dict[str, Any] = {
    **{name: value for name, value in SWEEP.items() if not name.startswith(_OF_SWEEPS)},
    "train.total-kimg": TOTAL / 1000,
    "checkpoint.period-kimg": 0.2,
    "log.period-kimg": 0.2,
    "log.wandb": "disabled",
}
_RAY = """
import os, sys, ray
from sharding.work.local_ray import local_ray
with local_ray(num_cpus=2, object_store_memory=80 * 2**20):
    print(ray.get_runtime_context().gcs_address, os.environ["RAY_AUTH_TOKEN"], flush=True)
    sys.stdin.read()
"""


class Cluster(NamedTuple):
    """A Ray of this machine, with two CPUs."""

    address: str
    token: str


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    process = subprocess.Popen([sys.executable, "-c", _RAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address, token = process.stdout.readline().split()
    yield Cluster(address, token)
    process.communicate()


@pytest.fixture
def launch(cluster: Cluster, tmp_path: Path, tiny_dataset: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `diptych launch` in a folder of the test's; nothing of it outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*, token: str = cluster.token, **changes: Any) -> subprocess.Popen[str]:
        settings = SETTINGS | {"data.path": tiny_dataset, "runs": tmp_path, **changes}
        words = [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        on_loopback = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # as the cluster is: see `local_ray`
        environment = {**os.environ, **on_loopback, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
        environment["OMP_NUM_THREADS"] = "1"
        environment.pop("RAY_ADDRESS", None)
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "launch.cli", "launch", DEFAULT, *words],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=environment | {"RAY_TMPDIR": str(tmp_path)},
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = process.communicate(timeout=PATIENCE_S)
    return process.returncode, said


def ranks_of(run: RunDir) -> dict[int, psutil.Process]:
    """The processes that train the run, by their ranks."""
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess):
            if str(run.path) in command_of(process) and "trainer.main" in command_of(process):
                found[int(process.environ()["RANK"])] = process
    return found


def saved_beyond(run: RunDir, position: int, process: subprocess.Popen[str]) -> int:
    deadline = time.monotonic() + PATIENCE_S
    while saved_position(run) <= position:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return saved_position(run)


def losses(run: RunDir) -> dict[int, dict[str, float]]:
    return {
        row["position"]: {name: value for name, value in row.items() if name.startswith("loss/")}
        for row in read_metrics(run.metrics_file)
        if any(name.startswith("loss/") for name in row)
    }


@pytest.mark.timeout(3 * PATIENCE_S)
def test_killed_ranks_cost_nothing_of_a_training(launch, cluster: Cluster, tmp_path: Path) -> None:
    status, said = ended(launch(name="local", num_procs=2))
    assert status == 0, said

    process = launch(name="ray", num_procs=2, ray=cluster.address)
    run = RunDir(tmp_path / "ray")
    at_kill = saved_beyond(run, 0, process)
    ranks_of(run)[1].kill()
    at_second = saved_beyond(run, at_kill, process)
    assert at_second < TOTAL, "training was over before its second rank was killed"
    ranks_of(run)[0].parent().kill()  # the actor, which Ray calls ray::LaunchedRank
    status, said = ended(process)
    assert status == 0, said
    assert losses(run) == losses(RunDir(tmp_path / "local"))
    assert "was killed by signal 9 (Killed)" in said
    assert "restarting on 2 ranks" in said
    attempts = sorted(folder.name[-2:] for folder in (run.path / "logs").iterdir())
    assert attempts == ["-1", "-2", "-3"]
    assert ranks_of(run) == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ray": "127.0.0.1:9", "num_procs": 2}, ["nobody answers there"]),
        ({"ray": "auto", "num_procs": 2}, ["part of no Ray cluster", "ray start --head"]),
        (
            {"num_procs": 3, "ray_wait_s": 1},
            ["3 ranks need 3 CPUs and there are 2 CPUs on 1 machine: room for 2", "--ray-wait-s"],
        ),
        ({"engine.device": "cuda"}, ["the Ray cluster has no GPU"]),
    ],
)
def test_what_a_cluster_lacks_is_told_at_once(launch, cluster: Cluster, tmp_path: Path, changes, words) -> None:
    status, said = ended(launch(**{"ray": cluster.address, "name": "none"} | changes))
    assert status == 2, said
    assert all(word in said for word in words), said
    assert not (tmp_path / "none").exists()


def test_a_stranger_to_the_cluster_is_refused(launch, cluster: Cluster) -> None:
    status, said = ended(launch(token="0" * 64, ray=cluster.address, num_procs=2))
    assert status == 2, said
    assert "does not take your token" in said
