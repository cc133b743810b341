"""Where ranks of one machine meet: nobody else reaches into the file, and nobody else is listened to."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from trainer.ranks.rendezvous import STORE_VARIABLE, RendezvousError, private_store, require_private

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
