"""Runs on the hosts of a hostfile, over ssh and by hand: the losses are those of ranks of one machine."""

import re
import secrets
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cluster.namespaces import Machine
from tests.cluster.on_hosts import (
    ENVIRONMENT,
    SAME_ARITHMETIC,
    assert_nothing_is_left,
    logs,
    resume,
    start,
    write_hosts,
)
from tests.cluster.training import PATIENCE_S, assert_same, make_run, train_here
from trainer.runs.rundir import RunDir

STEPS = 4


@pytest.fixture(scope="module")
def expected(tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    run = make_run(tmp_path_factory.mktemp("here") / "run", tiny_dataset, steps=STEPS)
    train_here(run)
    return run


@pytest.fixture
def run(tiny_dataset: Path, tmp_path: Path) -> RunDir:
    return make_run(tmp_path / "run", tiny_dataset, steps=STEPS)


@pytest.fixture
def hostfile(machines: list[Machine], tmp_path: Path) -> Path:
    return write_hosts(tmp_path, machines)


def test_two_hosts_over_ssh_train_as_two_ranks_of_one_machine(
    machines: list[Machine], hostfile: Path, run: RunDir, expected: RunDir, tmp_path: Path
) -> None:
    key, said = secrets.token_hex(20), tmp_path / "said"
    changes = {"WANDB_API_KEY": key, "NOT_FOR_OTHERS": "1", "MY_SETTING": "x y"}
    command = resume(run, hostfile, "--exclude", "n3", "--env", "MY_SETTING", *SAME_ARITHMETIC)
    launcher = start(machines[0], command, said, WANDB_MODE="off", **changes)
    ranks = wait_for_ranks(machines, launcher, said)
    assert sorted(rank["DIPTYCH_HOST"] for rank in ranks) == ["n1", "n2"]
    on_n2 = next(rank for rank in ranks if rank["DIPTYCH_HOST"] == "n2")
    assert on_n2["WANDB_API_KEY"] == key
    assert on_n2["MY_SETTING"] == "x y"
    assert on_n2["OMP_NUM_THREADS"] == "1"
    assert "NOT_FOR_OTHERS" not in on_n2
    assert not [line for machine in machines for line in command_lines(machine) if key in line]
    assert launcher.wait(PATIENCE_S) == 0, said.read_text()
    assert_same(run, expected)
    assert sorted(logs(run)) == ["rank-00000.log", "rank-00001.log"]
    assert key not in said.read_text() + "".join(logs(run).values()) + run.run_file.read_text()
    assert_nothing_is_left(machines)


def wait_for_ranks(machines: Sequence[Machine], launcher: subprocess.Popen, said: Path) -> list[dict[str, str]]:
    """The environments of both ranks, as soon as they are there."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = [environment for machine in machines for environment in environments(machine)]
        ranks = {each["RANK"]: each for each in found if "RANK" in each and "DIPTYCH_HOST" in each}
        if len(ranks) == 2:
            return list(ranks.values())
        assert launcher.poll() is None, said.read_text()
        time.sleep(0.05)
    raise AssertionError("no ranks have come")


def environments(machine: Machine) -> list[dict[str, str]]:
    texts = (text.split("\0") for text in read_all(machine, "environ"))
    return [{name: value for name, _, value in (entry.partition("=") for entry in entries)} for entries in texts]


def command_lines(machine: Machine) -> list[str]:
    return [text.replace("\0", " ") for text in read_all(machine, "cmdline")]


def read_all(machine: Machine, name: str) -> list[str]:
    texts = []
    for pid in machine.pids():
        try:
            texts.append(Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace"))
        except OSError:  # gone meanwhile
            continue
    return texts


def test_without_ssh_each_host_is_given_the_command(
    machines: list[Machine], hostfile: Path, run: RunDir, expected: RunDir, tmp_path: Path
) -> None:
    token = secrets.token_hex(16)
    started = [
        start(
            machines[number],
            resume(run, hostfile, "--exclude", "n3", "--node-rank", str(number)),
            tmp_path / f"said-{number}",
            DIPTYCH_TOKEN=token,
        )
        for number in (1, 0)  # whichever comes first waits
    ]
    statuses = [process.wait(PATIENCE_S) for process in started]
    said = [(tmp_path / f"said-{number}").read_text() for number in (1, 0)]
    assert statuses == [0, 0], said
    assert token not in "".join(said)
    assert_same(run, expected)
    assert sorted(logs(run)) == ["rank-00000.log", "rank-00001.log"]
    assert_nothing_is_left(machines)


def test_without_ssh_a_token_and_an_address_of_its_own_are_needed(
    machines: list[Machine], hostfile: Path, run: RunDir
) -> None:
    done = machines[0].run(*resume(run, hostfile, "--node-rank", "0"), env=ENVIRONMENT)
    assert done.returncode == 2
    assert "DIPTYCH_TOKEN" in done.stderr
    assert "openssl rand -hex 32" in done.stderr
    token = {"DIPTYCH_TOKEN": "t" * 32}
    done = machines[1].run(*resume(run, hostfile, "--node-rank", "0"), env=ENVIRONMENT | token)
    assert done.returncode == 2
    assert "run --node-rank 0 on n1" in done.stderr


def test_without_ssh_a_host_that_is_not_fit_ends_the_start_on_all(
    machines: list[Machine], run: RunDir, tmp_path: Path
) -> None:
    hostfile, began = tmp_path / "hosts", time.monotonic()
    hostfile.write_text("n1 slots=1\nn2 slots=500\n")
    said = [tmp_path / f"said-{number}" for number in (0, 1)]
    started = [
        start(machines[number], resume(run, hostfile, "--node-rank", str(number)), said[number], DIPTYCH_TOKEN="t" * 32)
        for number in (0, 1)
    ]
    assert [process.wait(PATIENCE_S) for process in started] == [2, 2], [path.read_text() for path in said]
    assert time.monotonic() - began < PATIENCE_S / 3  # not as long as one waits for a host that does not answer
    for path in said:
        assert re.search(r"n2: it has \d+ CPU cores for 500 ranks", path.read_text()), path.read_text()
    assert not run.metrics_file.exists()
    assert_nothing_is_left(machines)
