"""A run over ssh on as many hosts as there are, looked at and stopped from another machine."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cluster.namespaces import Machine
from tests.cluster.on_hosts import ENVIRONMENT, assert_nothing_is_left, diptych, resume, start, write_hosts
from tests.cluster.training import PATIENCE_S, STEP, losses, make_run
from trainer.checkpoints.layout import latest_checkpoint
from trainer.ranks.exits import STOPPED
from trainer.runs.rundir import RunDir

pytestmark = pytest.mark.soak

STEPS = 10_000
"""More than are trained: it is stopped."""


def test_a_spare_takes_the_place_of_a_lost_host_and_fewer_go_on_without_one(
    machines: list[Machine], tiny_dataset: Path, tmp_path: Path
) -> None:
    n1, n2, _ = machines
    run = make_run(tmp_path / "run", tiny_dataset, steps=STEPS)
    command = resume(run, write_hosts(tmp_path, machines), "--num-procs", "1:2")

    first, said = start(n1, command, tmp_path / "first"), tmp_path / "first"
    wait_for(lambda: newest(run) > 0, first, said)
    n2.kill()
    wait_for(lambda: re.search(r"restarting on 2 ranks .* n1 1, n3 1", said.read_text()) is not None, first, said)
    wait_for(lambda: hosts_of(status(n2, run)) == ["n1", "n3"], first, said)
    stop = n2.run(*diptych("stop", run.path), env=ENVIRONMENT, timeout=PATIENCE_S)
    assert stop.returncode == 0, stop.stdout + stop.stderr
    assert first.wait(60) == STOPPED, said.read_text()
    assert status(n2, run)["state"] == "ended"
    stopped = newest(run)
    assert_nothing_is_left(machines)

    second, said = start(n1, [*command, "--exclude", "n3"], tmp_path / "second"), tmp_path / "second"
    wait_for(lambda: newest(run) > stopped, second, said)
    n2.kill()
    wait_for(lambda: re.search(r"restarting on 1 rank .* n1 1", said.read_text()) is not None, second, said)
    restarted = newest(run)
    wait_for(lambda: newest(run) > restarted, second, said)
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) == STOPPED, said.read_text()
    assert_nothing_is_left(machines)
    positions = sorted(losses(run))
    steps = {later - earlier for earlier, later in pairwise(positions)}
    assert steps - {2 * STEP} == {STEP}, "one rank takes as many as two; the step of a stop is told with the next one"


def hosts_of(record: dict) -> list[str]:
    """Hosts that train the run now."""
    return sorted(host["host"] for host in record["status"]["hosts"]) if record["state"] == "training" else []


def newest(run: RunDir) -> int:
    """Position of the newest checkpoint."""
    found = latest_checkpoint(run.checkpoints)
    return 0 if found is None else int(found.name)


def status(machine: Machine, run: RunDir) -> dict:
    done = machine.run(*diptych("status", run.path, "--json"), env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def wait_for(condition: Callable[[], bool], launcher: subprocess.Popen, said: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert launcher.poll() is None, said.read_text()
        assert time.monotonic() < deadline, said.read_text()
        time.sleep(0.2)
