"""A run on a Ray cluster of three machines, two of which are lost, one after the other."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.namespaces import Machine
from tests.cluster.ray_cluster import PORT, ray_cluster
from tests.cluster.training import PATIENCE_S, STEP, assert_same, make_run, train_here
from trainer.checkpoints.layout import latest_checkpoint
from trainer.ranks.exits import MACHINE_DIED
from trainer.runs.rundir import RunDir

ROOT = Path(__file__).parents[2]
STEPS = 40


@pytest.fixture(scope="module")
def token(machines: list[Machine]) -> Iterator[dict[str, str]]:
    """Of a Ray cluster of all machines: variables for those who are let in."""
    with ray_cluster(machines) as variables:
        yield variables


def has_a_rank(machine: Machine) -> bool:
    return any(b"trainer.main" in command for command in commands(machine))


def commands(machine: Machine) -> list[bytes]:
    found = []
    for pid in machine.pids():
        try:
            found.append(Path(f"/proc/{pid}/cmdline").read_bytes())
        except OSError:  # gone meanwhile
            continue
    return found


def saved_beyond(run: RunDir, position: int, launcher: subprocess.Popen, said: Path) -> int:
    """Position of the newest checkpoint, when there is one beyond that."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        newest = latest_checkpoint(run.checkpoints)
        if newest is not None and int(newest.name) > position:
            return int(newest.name)
        assert launcher.poll() is None, said.read_text()
        assert time.monotonic() < deadline, said.read_text()
        time.sleep(0.02)


def test_a_lost_machine_is_replaced_and_what_is_too_little_is_an_end(
    machines: list[Machine], token: dict[str, str], tiny_dataset: Path, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run", tiny_dataset, steps=STEPS)
    command = ["-m", "launch.cli", "train", "--resume", run.path, "--num-procs", "2"]
    where = ["--ray", f"{machines[0].address}:{PORT}", "--ray-wait-s", "8"]
    said = tmp_path / "said"
    environment = token | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with said.open("w") as output:
        launcher = machines[0].start(
            sys.executable, *command, *where, env=environment, stdout=output, stderr=output, cwd=tmp_path
        )
    saved = saved_beyond(run, 0, launcher, said)
    lost = next(machine for machine in machines[1:] if has_a_rank(machine))
    other = next(machine for machine in machines[1:] if machine is not lost)
    lost.kill()
    saved = saved_beyond(run, saved, launcher, said)
    assert has_a_rank(other)
    assert saved < STEPS * STEP, "training was over before the second machine was lost"
    other.kill()
    assert launcher.wait(PATIENCE_S) == MACHINE_DIED, said.read_text()
    text = said.read_text()
    assert f"{lost.name} failed first" in text
    assert f"the rank of {lost.name} goes to" in text
    assert "1 rank needs 1 CPU, and no machine has that left; waited 8 s (--ray-wait-s)" in text
    assert not any(has_a_rank(machine) for machine in machines)
    assert environment["RAY_AUTH_TOKEN"] not in text

    train_here(run)
    undisturbed = make_run(tmp_path / "undisturbed", tiny_dataset, steps=STEPS)
    train_here(undisturbed)
    assert_same(run, undisturbed)
