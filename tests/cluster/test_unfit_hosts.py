"""A host that is not fit, or does not answer, ends the start with its name and the remedy: nothing is trained."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cluster.namespaces import Machine
from tests.cluster.on_hosts import ENVIRONMENT, assert_nothing_is_left, diptych, resume, write_hosts
from tests.cluster.training import make_run
from tests.integration.copied_tree import copy_packages
from trainer.runs.rundir import RunDir


@pytest.fixture
def run(tiny_dataset: Path, tmp_path: Path) -> RunDir:
    return make_run(tmp_path / "run", tiny_dataset, steps=1)


def refused(machine: Machine, command: list[str], run: RunDir, *words: str, **changes: str) -> str:
    """What is said when the command is refused for these reasons, before anything is trained."""
    done = machine.run(*command, env=ENVIRONMENT | changes)
    assert done.returncode == 2, done.stdout + done.stderr
    for word in words:
        assert word in done.stderr
    assert not run.metrics_file.exists()
    assert not (run.path / "logs").exists()
    assert_nothing_is_left([machine])
    return done.stderr


@pytest.mark.parametrize(
    ("slots", "words"),
    [
        ("n1 slots=1\nn9 slots=1\n", ["n9: its name is not known here"]),
        ("n1 slots=1\n10.77.0.200 slots=1\n", ["10.77.0.200: it does not answer", "--exclude 10.77.0.200"]),
        ("n1 slots=1\nn2 slots=500\n", ["n2: it has", "cores for 500 ranks"]),
    ],
)
def test_a_host_that_is_not_fit_ends_the_start(
    slots: str, words: list[str], machines: list[Machine], run: RunDir, tmp_path: Path
) -> None:
    (tmp_path / "hosts").write_text(slots)
    refused(machines[0], resume(run, tmp_path / "hosts"), run, *words, "No rank was started")


def test_a_hostfile_that_is_missing_is_no_smaller_training(machines: list[Machine], run: RunDir) -> None:
    refused(machines[0], resume(run, Path("nowhere/hosts")), run, "hostfile = 'nowhere/hosts'", "nothing is started")


def test_hosts_that_are_cut_off_or_listen_elsewhere_are_named(
    machines: list[Machine], run: RunDir, tmp_path: Path
) -> None:
    command = resume(run, write_hosts(tmp_path, machines))
    machines[1].cut_off()
    try:
        said = refused(machines[0], command, run, "n2: it does not answer")
    finally:
        machines[1].reconnect()
    assert "n3" not in said, "that one is fit"
    refused(machines[0], [*command, "--ssh-port", "2222"], run, "n1: no ssh server listens there")


def test_a_key_that_is_not_the_right_one_is_no_question(machines: list[Machine], run: RunDir, tmp_path: Path) -> None:
    """Another key of the user, and one of the host that is not known."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    folder = machines[0].bin.parent
    settings = (folder / "ssh_config").read_text()
    command = resume(run, write_hosts(tmp_path, machines[:2]))
    changes = [
        (f"{folder}/user", str(tmp_path / "other"), "n2: it does not let you in without a password"),
        (f"{folder}/known_hosts", str(tmp_path / "nobody"), "n2: its key is not the known one"),
    ]
    for old, new, words in changes:
        refused(machines[0], command, run, words, PATH=path_with_ssh(tmp_path / "bin", settings.replace(old, new)))


def path_with_ssh(folder: Path, settings: str) -> str:
    """A PATH whose `ssh` has these settings."""
    folder.mkdir(exist_ok=True)
    (folder / "config").write_text(settings)
    (folder / "ssh").write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {folder}/config "$@"\n')
    (folder / "ssh").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}:/usr/sbin:/sbin"


def test_a_host_with_another_commit_is_named(machines: list[Machine], run: RunDir, tmp_path: Path) -> None:
    """The same path holds another state of Diptych on n2, as after a `git pull` on one host alone."""
    here, there = copy_packages(tmp_path / "here"), tmp_path / "there"
    commit(here, "first")
    shutil.copytree(here, there)
    commit(there, "second")
    server = next(pid for pid in listeners(machines[1]))
    inside = ["nsenter", "--target", str(server), "--mount"]
    subprocess.run([*inside, "mount", "--bind", str(there), str(here)], check=True)
    try:
        hostfile = write_hosts(tmp_path, machines)
        command = ["env", f"--chdir={here}", *diptych("train", "--resume", run.path, "--hostfile", hostfile)]
        said = refused(machines[0], command, run, "hosts = 'n2'", "No rank was started", PYTHONPATH=str(here))
    finally:
        subprocess.run([*inside, "umount", str(here)], check=True)
    assert re.search(r"n2: commit: [0-9a-f]{40}, and [0-9a-f]{40} here", said), said


def commit(tree: Path, message: str) -> None:
    git = ["git", "-C", str(tree), "-c", "user.name=n", "-c", "user.email=e"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--allow-empty", "--message", message]):
        subprocess.run([*git, *words], check=True)


def listeners(machine: Machine) -> list[int]:
    """Its ssh server."""
    found = subprocess.run(["ip", "netns", "pids", machine.namespace], capture_output=True, text=True, check=True)
    running = set(machine.pids())
    return [int(pid) for pid in found.stdout.split() if int(pid) not in running]
