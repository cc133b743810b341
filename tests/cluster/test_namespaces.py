"""The machines of these tests behave as machines do."""

import multiprocessing
import os
import subprocess
import time
from pathlib import Path

from tests.cluster.namespaces import NETNS, Machine, make_machines
from tests.cluster.netns import own_prefix


def test_one_machine_runs_a_command_on_another_by_ssh(machines: list[Machine]) -> None:
    first, second, _ = machines
    said = first.run("ssh", second.name, "hostname; ip -br address show eth0")
    assert said.stdout.split()[0] == "n2", said.stderr
    assert f"{second.address}/24" in said.stdout


def test_no_machine_reaches_anything_outside(machines: list[Machine]) -> None:
    assert machines[0].run("getent", "hosts", "pypi.org").returncode != 0


def test_a_machine_that_is_cut_off_comes_back(machines: list[Machine]) -> None:
    first, second, _ = machines
    reach = ("ssh", "-o", "ConnectTimeout=1", second.name, "true")
    second.cut_off()
    assert first.run(*reach).returncode == 255
    second.reconnect()
    deadline = time.monotonic() + 20
    while first.run(*reach).returncode != 0:
        assert time.monotonic() < deadline


def test_a_frozen_machine_says_nothing_until_it_goes_on(machines: list[Machine]) -> None:
    first, second, _ = machines
    second.freeze()
    assert first.run("timeout", "2", "ssh", second.name, "true").returncode == 124
    second.thaw()
    assert first.run("ssh", second.name, "true").returncode == 0


def test_what_runs_on_a_machine_ends_with_it(machines: list[Machine]) -> None:
    second = machines[1]
    sleeper = second.start("sleep", "600")
    while not second.pids():
        time.sleep(0.05)
    second.kill()
    assert sleeper.wait(10) == -9
    assert second.pids() == []
    assert second.listening() == []


def _make_and_die(folder: Path) -> None:
    with make_machines(1, folder) as (machine,):
        machine.start("sleep", "600")
        (folder / "made").write_text(own_prefix())
        os._exit(1)  # as one that is killed: nothing is cleared away


def test_what_killed_tests_have_left_is_gone_with_the_next(machines: list[Machine], tmp_path: Path) -> None:
    left, after = tmp_path / "left", tmp_path / "after"
    left.mkdir()
    after.mkdir()
    maker = multiprocessing.get_context("spawn").Process(target=_make_and_die, args=(left,))
    maker.start()
    maker.join()
    prefix = (left / "made").read_text()
    assert prefix in subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    with make_machines(1, after):
        names = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert prefix not in names
    assert machines[0].namespace in names
    assert not list(NETNS.glob(f"{prefix}*"))
