"""Whatever dies, freezes, is cut off or does not answer: the losses are those of an undisturbed training."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from launch.ranks.connect import TRY_S
from tests.cluster.disturbed import FAULT_AT, INTERVAL, ROOT, SLACK_S, Training
from tests.cluster.launcher import GRACE_S, SILENCE_S
from tests.cluster.namespaces import Machine
from tests.cluster.training import STEP, assert_same, make_run, train_here
from trainer.checkpoints.layout import latest_checkpoint
from trainer.ranks.exits import FINISHED, MACHINE_DIED, STOPPED
from trainer.runs.rundir import RunDir

STEPS = 40
SILENT = "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('{}', 53)); print(flush=True); input()"


@pytest.fixture(scope="module")
def undisturbed(tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    run = make_run(tmp_path_factory.mktemp("undisturbed") / "run", tiny_dataset, steps=STEPS)
    train_here(run)
    return run


@pytest.fixture
def training(machines: list[Machine], tiny_dataset: Path, tmp_path: Path) -> Iterator[Training]:
    training = Training(machines, make_run(tmp_path / "run", tiny_dataset, steps=STEPS), tmp_path)
    training.start()
    yield training
    training.close()


@pytest.mark.soak  # of one machine, `tests/integration/test_ranks.py` has it
def test_a_killed_rank(training: Training, undisturbed: RunDir) -> None:
    training.disturb(lambda: training.rank(1).kill(), within_s=GRACE_S)
    assert training.end() == FINISHED, training.said
    assert "rank 1 on n2 failed first" in training.said
    assert "was killed by signal 9 (Killed)" in training.said
    assert f"log: {training.attempts()[0] / 'rank-00001.log'}" in training.said
    assert "restarting on 2 ranks in 1 s (1 of 3): n1 1, n2 1" in training.said
    assert_same(training.run, undisturbed)


def assert_replaced(training: Training, *, why: str) -> None:
    """The machine n2 was lost, and the spare took its place."""
    assert "n2 failed first" in training.said
    assert f"the host is lost: {why}" in training.said
    assert f"log: {training.attempts()[0] / 'rank-00001.log'}" in training.said
    assert "restarting on 2 ranks in 1 s (1 of 3): n1 1, n3 1" in training.said


def test_a_dead_machine(training: Training, undisturbed: RunDir) -> None:
    training.disturb(training.machines[1].kill, within_s=GRACE_S)
    assert training.end() == FINISHED, training.said
    assert_replaced(training, why="the connection")
    assert_same(training.run, undisturbed)


def test_a_frozen_machine_that_goes_on_too_late(training: Training, undisturbed: RunDir) -> None:
    second = training.machines[1]
    training.disturb(second.freeze, within_s=SILENCE_S + GRACE_S)
    training.train(to=FAULT_AT + INTERVAL)
    assert second.pids() != []
    second.thaw()
    training.until(lambda: second.pids() == [], within_s=SLACK_S)
    assert training.end() == FINISHED, training.said
    assert_replaced(training, why=f"nothing was heard for {SILENCE_S:.0f} s")
    assert_same(training.run, undisturbed)


def test_a_machine_that_is_cut_off_and_comes_back(training: Training, undisturbed: RunDir) -> None:
    second = training.machines[1]
    training.disturb(second.cut_off, within_s=SILENCE_S + GRACE_S)
    training.until(lambda: second.pids() == [], within_s=SLACK_S)  # it has noticed, too
    second.reconnect()
    assert training.end() == FINISHED, training.said
    assert_replaced(training, why=f"nothing was heard for {SILENCE_S:.0f} s")
    assert_same(training.run, undisturbed)


def test_a_killed_launcher(training: Training, undisturbed: RunDir) -> None:
    training.train(to=FAULT_AT)
    training.launcher.kill()
    training.launcher.wait()
    reached = training.position
    training.assert_nothing_is_left()
    saved = latest_checkpoint(training.run.checkpoints)
    assert saved is not None
    assert int(saved.name) >= reached, "ranks save when their launcher is gone"
    training.start()
    assert training.end() == FINISHED, training.said
    assert_same(training.run, undisturbed)


@pytest.mark.soak
def test_preempted_twice(training: Training, undisturbed: RunDir) -> None:
    """By signals of batch systems: one to the launcher, and one to one machine's agent."""
    launcher, agent = (lambda: training.launcher.pid), (lambda: training.agent("n2").pid)
    for number, target in ((signal.SIGUSR1, launcher), (signal.SIGTERM, agent)):
        training.train(to=training.position + 4 * STEP)
        os.kill(target(), number)
        reached = training.position
        assert training.end() == STOPPED, training.said
        saved = latest_checkpoint(training.run.checkpoints)
        assert saved is not None
        assert int(saved.name) >= reached
        training.start()
    assert training.end() == FINISHED, training.said
    assert_same(training.run, undisturbed)


@pytest.fixture
def silent_dns(machines: list[Machine]) -> Iterator[None]:
    """All machines ask n3, which takes the questions and says nothing."""
    third = machines[2]
    server = third.start(sys.executable, "-c", SILENT.format(third.address), stdin=-1, stdout=-1)
    assert server.stdout is not None
    assert server.stdout.readline() == "\n"
    settings = [Path("/etc/netns", machine.namespace, "resolv.conf") for machine in machines]
    for path in settings:
        path.write_text(f"nameserver {third.address}\n")
    yield
    for path in settings:
        path.write_text("")
    server.kill()
    server.communicate()


def test_a_dns_server_that_does_not_answer(silent_dns: None, training: Training, undisturbed: RunDir) -> None:
    assert training.end() == FINISHED, training.said
    assert_same(training.run, undisturbed)


def test_a_launcher_whose_name_no_dns_server_tells(silent_dns: None, machines: list[Machine], tmp_path: Path) -> None:
    began = time.monotonic()
    asked = ["--coordinator", "head.example:29500", "--host", "n2", "--slots", "1", "--patience", "1"]
    environment = {"DIPTYCH_TOKEN": "t" * 32, "PYTHONPATH": str(ROOT)}
    done = machines[1].run(sys.executable, "-m", "launch.ranks.agent", tmp_path / "run", *asked, env=environment)
    assert done.returncode == MACHINE_DIED
    assert f"no DNS server has told the address of 'head.example' within {TRY_S:g} s" in done.stderr
    assert time.monotonic() - began < TRY_S + SLACK_S
