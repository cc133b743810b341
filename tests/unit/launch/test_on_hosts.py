"""What ends a start on many hosts before anything is made, as far as one machine without ssh can tell."""

import socket
from pathlib import Path

import pytest

from launch.cli import main
from launch.doctor.check import check_hosts
from launch.hosts.host import Host
from launch.ranks.ssh import make_ssh
from launch.ways.on_hosts import visible_devices
from trainer.config.errors import ConfigError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], hosts: str, *words: str) -> str:
    """The message of a start that ends with status 2, and has made nothing."""
    Path("hosts").write_text(hosts)
    assert main(["launch", "--hostfile", "hosts", *words]) == 2
    assert [path.name for path in Path().iterdir()] == ["hosts"]
    return capsys.readouterr().err


def test_by_hand_nobody_joins_without_a_secret(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIPTYCH_TOKEN", "short")
    said = refused(capsys, "127.0.0.1 slots=1\n", "--node-rank", "0")
    assert "DIPTYCH_TOKEN = 'too short'" in said
    assert "openssl rand -hex 32" in said


def test_by_hand_the_first_host_has_an_address_that_others_reach(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIPTYCH_TOKEN", "t" * 32)
    said = refused(capsys, "127.0.0.1 slots=1\n127.0.0.2 slots=1\n", "--node-rank", "0")
    assert "where no other host reaches it" in said


def test_by_hand_a_port_that_is_taken_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIPTYCH_TOKEN", "t" * 32)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = refused(capsys, "127.0.0.1 slots=1\n", "--node-rank", "0", "--master-port", port)
    assert f"127.0.0.1:{port}" in said
    assert "--master-port" in said


def test_over_ssh_a_machine_without_ssh_is_told_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    said = refused(capsys, "n1 slots=1\n")
    assert "ssh = " in said
    assert "openssh-client" in said
    with pytest.raises(ConfigError, match="openssh-client"):
        check_hosts(
            [Host("n1", 1)],
            ssh=make_ssh(folder, environment={}),
            run=folder / "run",
            data=None,
            environment=lambda host: {},
        )


def test_only_chosen_gpus_are_shown_to_ranks() -> None:
    assert visible_devices(Host("n1", 2)) == {}
    assert visible_devices(Host("n1", 2, (1, 3))) == {"CUDA_VISIBLE_DEVICES": "1,3"}
