"""ssh's exact words, what its refusals mean, and hosts that are asked: ssh itself is the one thing stood in for."""

import os
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from launch.doctor.answer import Question, parse_answer
from launch.doctor.hear import Answered, ask_hosts
from launch.hosts.address import address_seen
from launch.hosts.host import Host
from launch.ranks.remote import Remote
from launch.ranks.ssh import NO_FOLDER, NO_PYTHON, Ssh, explain, make_ssh
from trainer.config.errors import ConfigError

SSH = Ssh(folder=Path("/data/my project"), early={"PYTHONPATH": "/a:/b c"})
PYTHON = "/env/bin/python"


def test_the_words_of_ssh() -> None:
    words = SSH.command("n1", [PYTHON, "-m", "launch.ranks.agent", "runs/it's"])
    assert words[:2] == ["ssh", "-T"]
    options = dict(word.split("=") for flag, word in pairwise(words) if flag == "-o")
    assert options["BatchMode"] == "yes", "a question would wait for ever"
    assert int(options["ConnectTimeout"]) <= 10
    assert int(options["ServerAliveInterval"]) * int(options["ServerAliveCountMax"]) <= 20
    assert not any(option.startswith(("StrictHostKey", "UserKnown")) for option in options), "the user's to say"
    assert words[-3:-1] == ["--", "n1"]
    assert words[-1] == (
        "cd '/data/my project' || exit 81; test -x /env/bin/python || exit 82; "
        "exec env 'PYTHONPATH=/a:/b c' /env/bin/python -m launch.ranks.agent 'runs/it'\"'\"'s'"
    )
    assert "-p" not in words
    port = Ssh(folder=Path("/"), port=2222, early={}).command("n1", [PYTHON])
    assert port[port.index("-p") + 1] == "2222"
    assert port.index("-p") < port.index("--")


def test_of_the_environment_the_command_holds_no_secret() -> None:
    environment = {"PYTHONPATH": "/code", "WANDB_API_KEY": "k" * 40, "NCCL_DEBUG": "INFO"}
    words = make_ssh(Path("/data"), environment=environment).command("n1", [PYTHON])
    assert "PYTHONPATH=/code" in words[-1]
    assert "kkk" not in " ".join(words)


@pytest.mark.parametrize("shell", ["sh", "bash", "dash"])
@pytest.mark.parametrize(
    ("folder", "python", "status"),
    [
        ("it's $HOME; `x`", sys.executable, 7),
        ("nowhere", sys.executable, NO_FOLDER),
        ("it's $HOME; `x`", "/no/python", NO_PYTHON),
    ],
)
def test_a_login_shell_runs_the_command(shell: str, folder: str, python: str, status: int, tmp_path: Path) -> None:
    (tmp_path / "it's $HOME; `x`").mkdir()
    ssh = Ssh(folder=tmp_path / folder, early={"GREETING": "a 'b' $c"})
    program = (
        "import os, sys; sys.exit(7 if os.environ['GREETING'] == \"a 'b' $c\" and sys.argv[1] == '$(x) \"y' else 1)"
    )
    remote = ssh.command("n1", [python, "-c", program, '$(x) "y'])[-1]
    assert subprocess.run([shell, "-c", remote], capture_output=True, check=False).returncode == status


@pytest.mark.parametrize(
    ("status", "said", "words"),
    [
        (255, "ssh: Could not resolve hostname n1: Name or service not known\r\n", ["not known here", "/etc/hosts"]),
        (255, "ssh: connect to host n1 port 22: Connection refused\r\n", ["Start sshd", "--ssh-port"]),
        (255, "ssh: connect to host n1 port 22: Connection timed out\r\n", ["does not answer", "--exclude n1"]),
        (255, "ssh: connect to host n1 port 22: No route to host\r\n", ["does not answer"]),
        (255, "No ED25519 host key is known for n1\nHost key verification failed.\r\n", ["by hand with `ssh n1`"]),
        (255, "root@n1: Permission denied (publickey).\r\n", ["ssh-copy-id n1", "Permission denied (publickey)"]),
        (255, "kex_exchange_identification: Connection closed by remote host\n", ["closed the connection"]),
        (255, "", ["status 255", "without a word"]),
        (NO_FOLDER, "sh: 1: cd: can't cd to /data", ["no folder /data/my project", "shared file system"]),
        (NO_PYTHON, "", [f"no Python at {PYTHON}", "make setup"]),
        (
            1,
            f"{PYTHON}: Error while finding module specification: No module named 'launch'",
            ["no Diptych", "PYTHONPATH"],
        ),
        (3, "x\n" * 1000 + "the \x1b[31mlast\n\n", ["status 3: the ␛[31mlast"]),
        (255, "y" * 9000, ["status 255"]),
    ],
)
def test_what_a_refusal_means(status: int, said: str, words: list[str]) -> None:
    text = explain("n1", status=status, said=said, ssh=SSH, python=PYTHON)
    for word in words:
        assert word in text, text
    assert len(text) < 700


@pytest.mark.parametrize(
    ("connections", "expected"),
    [
        (["10.0.0.1 50122 10.0.0.2 22"], "10.0.0.1"),
        (["127.0.0.1 5 127.0.0.1 22"], "127.0.0.1"),
        (["::1 5 ::1 22", "10.0.0.1 6 10.0.0.2 22"], "10.0.0.1"),
        (["10.0.0.1 5 10.0.0.2 22", "", "10.0.9.1 5 10.0.9.2 22", "10.0.9.1 5 10.0.9.3 22"], "10.0.9.1"),
        (["::ffff:10.0.0.1 5 ::ffff:10.0.0.2 22"], "10.0.0.1"),
        (["fd00::1 5 fd00::2 22"], "fd00::1"),
    ],
)
def test_the_launchers_address_is_the_one_that_hosts_see(connections: list[str], expected: str) -> None:
    assert address_seen(connections) == expected


@pytest.mark.parametrize("connections", [[], [""], ["UNKNOWN 65535 UNKNOWN 65535"], ["$(x) 1 2 3"]])
def test_without_an_address_there_is_another_way(connections: list[str]) -> None:
    with pytest.raises(ConfigError, match="--node-rank"):
        address_seen(connections)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which `ssh HOST COMMAND` runs the command on this machine, as the script for that host says."""
    script = tmp_path / "bin" / "ssh"
    script.parent.mkdir()
    script.write_text(
        '#!/bin/bash\nwhile [ "$1" != -- ]; do shift; done\n'
        f'[ -e {tmp_path}/"$2".sh ] && . {tmp_path}/"$2".sh\n'
        'SSH_CONNECTION="127.0.0.1 50122 127.0.0.1 22" exec sh -c "$3"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(script.parent), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    return tmp_path


def ask(folder: Path, *hosts: str, patience_s: float = 60.0) -> list[Answered]:
    ssh = make_ssh(folder, environment={"PYTHONPATH": os.environ["PYTHONPATH"]})
    return ask_hosts(
        [Host(name, 1) for name in hosts],
        ssh=ssh,
        question=lambda host: Question(
            host=host.name, run="runs/x", data=str(folder / "earth-8"), environment={"A": "1"}
        ),
        patience_s=patience_s,
    )


def test_hosts_answer_or_are_named_with_the_reason(here: Path) -> None:
    (here / "n1.sh").write_text("echo Welcome to n1. diptych-answer\n")
    (here / "n2.sh").write_text("echo 'ssh: connect to host n2 port 22: Connection refused' >&2; exit 255\n")
    (here / "n3.sh").write_text('echo \'diptych-answer {"report": {}, "connection": ""}\'; exit 0\n')
    answers = {answer.host.name: answer for answer in ask(here, "n1", "n2", "n3")}
    heard = answers["n1"].heard
    assert heard is not None, answers["n1"].problem
    assert heard.report.host == "n1"
    assert abs(heard.skew_s) < 5
    assert answers["n1"].connection.startswith("127.0.0.1")
    assert "Start sshd" in answers["n2"].problem
    assert "status 0" in answers["n3"].problem


def test_a_host_that_hangs_is_waited_for_in_vain_and_left_alone(here: Path) -> None:
    (here / "n1.sh").write_text("echo 'debug1: connecting' >&2; exec sleep 600\n")
    [answer] = ask(here, "n1", patience_s=0.7)
    assert answer.problem.startswith("has not answered for 1 s")
    assert not [child for child in psutil.Process().children() if "600" in child.cmdline()]


def test_only_a_whole_answer_counts() -> None:
    for output in (
        "",
        "hello",
        "diptych-answer ",
        "diptych-answer []",
        "diptych-answer {",
        'diptych-answer {"report": 1}',
    ):
        assert parse_answer(output) is None
    assert parse_answer("diptych-answer " + "[" * 100_000) is None


def test_a_remote_command_keeps_its_input_open_and_gives_the_end_of_its_output() -> None:
    program = "import sys; line = sys.stdin.readline(); print('x' * 3_000_000 + line, end='', flush=True); input()"
    remote = Remote([sys.executable, "-c", program], first=b"a" * 200_000 + b"end\n")
    try:
        assert remote.wait(0.5) is None
        remote.end_input()
        assert remote.wait(60) == 1, "input() found the end"
        assert remote.output.endswith("aend\n")
        assert len(remote.output) < 1_100_000
    finally:
        remote.close()


def test_a_remote_command_that_is_not_there_any_more_is_closed_without_waiting() -> None:
    remote = Remote(shlex.split("sh -c 'echo no >&2; exit 3'"), first=b"a" * 1_000_000)
    assert remote.wait(60) == 3
    assert remote.said == "no\n"
    remote.close()
