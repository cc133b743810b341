"""Where ranks of one machine meet: nobody else reaches into the file, and nobody else is listened to."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from trainer.ranks.rendezvous import (
    ADDRESS_VARIABLE,
    STORE_VARIABLE,
    RendezvousError,
    interface_of,
    listen,
    private_store,
    require_private,
    stay_on_interface,
)
from trainer.ranks.store import open_store

ROOT = Path(__file__).parents[3]


def test_a_private_store_is_accepted_and_then_removed():
    with private_store() as store:
        require_private(store)
        store.touch()
        assert store.parent.stat().st_mode & 0o777 == 0o700
    assert not store.parent.exists()


@pytest.mark.parametrize(("mode", "shown"), [(0o770, "0770"), (0o702, "0702"), (0o755, "0755"), (0o1777, "1777")])
def test_a_folder_that_is_open_to_others_is_refused(tmp_path: Path, mode: int, shown: str):
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(RendezvousError, match=rf"{STORE_VARIABLE} = .*mode {shown}.*mktemp -d"):
        require_private(folder / "store")


def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tmp_path.chmod(0o700)
    require_private(tmp_path / "store")
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(RendezvousError, match="not to 12345"):
        require_private(tmp_path / "store")


def test_a_linked_or_missing_folder_is_refused(tmp_path: Path):
    (tmp_path / "private").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "private")
    with pytest.raises(RendezvousError, match="is a link or no folder"):
        require_private(tmp_path / "link" / "store")
    with pytest.raises(RendezvousError, match="No such file"):
        require_private(tmp_path / "none" / "store")


LONE_RANK = """
import psutil
from trainer.ranks.world import init_world
init_world("cpu")
print(*(c.laddr.ip for c in psutil.Process().net_connections("inet") if c.status == "LISTEN"))
"""


def test_a_single_rank_listens_on_loopback_only_whatever_interface_is_named(tmp_path: Path):
    named = next((name for name in psutil.net_if_addrs() if name != "lo" and psutil.net_if_stats()[name].isup), "lo")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "GLOO_SOCKET_IFNAME": named}
    command = [sys.executable, "-c", LONE_RANK]
    said = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["127.0.0.1"]


ONE_OF_TWO = """
import os, sys
from trainer.ranks.rendezvous import LISTEN_VARIABLE, listen
from trainer.ranks.world import close_world, init_world
if os.environ["RANK"] == "0" and sys.argv[1] == "inherited":
    os.environ[LISTEN_VARIABLE] = str(listen("127.0.0.1", int(os.environ["MASTER_PORT"])).detach())
world = init_world("cpu")
import psutil
world.barrier()
listening = [c.laddr for c in psutil.Process().net_connections("inet") if c.status == "LISTEN"]
print(*{at.ip for at in listening}, any(at.port == int(os.environ["MASTER_PORT"]) for at in listening), *world.hosts)
world.barrier()
close_world()
"""


@pytest.mark.parametrize("way", ["inherited", "own"])
def test_ranks_of_several_machines_listen_at_the_address_that_they_are_given(tmp_path: Path, way: str):
    with listen("127.0.0.1") as free:
        port = free.getsockname()[1]
    common = {"PYTHONPATH": str(ROOT), "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}
    common |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "DIPTYCH_ADDRESS": "127.0.0.1"}
    command = [sys.executable, "-c", ONE_OF_TWO, way]
    ranks = [
        subprocess.Popen(
            command,
            env={**os.environ, **common, "RANK": str(rank), "DIPTYCH_HOST": f"n{rank}"},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    assert [rank.communicate()[0].split() for rank in ranks] == [
        ["127.0.0.1", "True", "n0", "n1"],
        ["127.0.0.1", "False", "n0", "n1"],
    ]


def test_interfaces_are_found_by_their_address_and_an_unknown_one_is_refused():
    assert interface_of("127.0.0.1") == "lo"
    with pytest.raises(RendezvousError, match=rf"{ADDRESS_VARIABLE} = '192\.0\.2\.7'.*127\.0\.0\.1"):
        interface_of("192.0.2.7")


def test_an_interface_that_the_user_names_stands(monkeypatch: pytest.MonkeyPatch):
    for name in ("GLOO_SOCKET_IFNAME", "RES_OPTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NCCL_SOCKET_IFNAME", "ib0")
    stay_on_interface("127.0.0.1")
    assert (os.environ["GLOO_SOCKET_IFNAME"], os.environ["NCCL_SOCKET_IFNAME"]) == ("lo", "ib0")


@pytest.mark.parametrize(("address", "port"), [("", "1"), ("127.0.0.1", "here")])
def test_ranks_without_a_place_to_meet_are_told_which_variables_they_lack(
    monkeypatch: pytest.MonkeyPatch, address: str, port: str
):
    monkeypatch.delenv(STORE_VARIABLE, raising=False)
    for name, value in {ADDRESS_VARIABLE: "127.0.0.1", "MASTER_ADDR": address, "MASTER_PORT": port}.items():
        monkeypatch.setenv(name, value)
    for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME", "RES_OPTIONS"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    with pytest.raises(RendezvousError, match=r"MASTER_ADDR = .*give the address"):
        open_store(rank=0, size=2, timeout=timedelta(seconds=1))
