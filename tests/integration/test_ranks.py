"""Two ranks that really train, through the command: they listen to nobody else, and leave nothing behind."""

import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest

from tests.processes import is_alive
from tests.shrink import shrink
from trainer.checkpoints.layout import latest_checkpoint
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import DEFAULT, load_preset
from trainer.ranks.exits import STOPPED
from trainer.runs.rundir import RunDir

pytestmark = pytest.mark.slow

PATIENCE_S = 120


class Started:
    """A run of two ranks in the middle of training: longer than any test, and saved only when told to stop."""

    def __init__(self, folder: Path, dataset: Path) -> None:
        self.folder = folder
        small = shrink(load_preset(DEFAULT), dataset=dataset)
        self.run = RunDir(folder / "run")
        self.run.create(replace(small, train=replace(small.train, total_kimg=100)), preset=DEFAULT, command=[])
        command = [sys.executable, "-m", "launch.cli", "train", "--resume", str(self.run.path), "--num-procs", "2"]
        environment = {"OMP_NUM_THREADS": "1", "TMPDIR": str(folder), "GLOO_SOCKET_IFNAME": outer_interface()}
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.launcher = subprocess.Popen(command, env=os.environ | environment, **pipe)

    def until_it_trains(self) -> None:
        """Some steps more."""
        seen = len(read_metrics(self.run.metrics_file))
        wait_until(lambda: len(read_metrics(self.run.metrics_file)) > seen + 1 or self.launcher.poll() is not None)
        assert self.launcher.poll() is None, self.launcher.communicate()[0]

    def processes(self) -> list[psutil.Process]:
        """The launcher, and the ranks in their order."""
        launcher = psutil.Process(self.launcher.pid)
        return [launcher, *sorted(launcher.children(), key=lambda rank: rank.environ()["RANK"])]

    def store_folders(self) -> list[Path]:
        """Where the ranks meet."""
        return list(self.folder.glob("diptych-ranks-*"))


def outer_interface() -> str:
    """A network interface that others can reach: a user may have named it for gloo. Loopback where there is none."""
    for name, addresses in psutil.net_if_addrs().items():
        if any(a.family == socket.AF_INET and not ip_address(a.address).is_loopback for a in addresses):
            return name
    return "lo"


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def started(tiny_dataset: Path, tmp_path: Path) -> Iterator[Started]:
    started = Started(tmp_path, tiny_dataset)
    processes: list[psutil.Process] = []
    try:
        started.until_it_trains()
        processes = started.processes()
        yield started
    finally:
        for process in [*processes, started.launcher]:
            if process.is_running() if isinstance(process, psutil.Process) else process.poll() is None:
                process.kill()
        started.launcher.communicate()


def listening(processes: list[psutil.Process]) -> set[tuple[str, int]]:
    """Addresses and ports at which these processes wait for others, by TCP or UDP."""
    found = [connection for process in processes for connection in process.net_connections("inet")]
    waiting = [c for c in found if c.status == psutil.CONN_LISTEN or c.type == socket.SOCK_DGRAM]
    return {(connection.laddr.ip, connection.laddr.port) for connection in waiting}


def obeys_strangers(address: str, port: int) -> bool:
    """Whether torch's TCP store is there, in which whoever comes can put what ranks will unpickle.

    Written out: torch's own client waits for ever where another protocol is spoken.
    """
    key, value = (struct.pack("<Q", len(text)) + text for text in (b"torch.rendezvous.stranger", b"was here"))
    validate, put, get = b"\x00" + struct.pack("<I", 0x3C85F7CE), b"\x01" + key + value, b"\x03" + key
    try:
        with socket.create_connection((address, port), timeout=1) as stranger:
            stranger.sendall(validate + put + get)
            return stranger.recv(len(value), socket.MSG_WAITALL) == value
    except OSError:
        return False


def test_nobody_else_is_heard_and_a_dead_rank_is_started_again_with_the_other(started: Started):
    launcher, *ranks = started.processes()
    assert len(ranks) == 2
    found = listening([launcher, *ranks])
    with ThreadPoolExecutor(max_workers=len(found)) as pool:
        answers = pool.map(lambda listener: (listener, obeys_strangers(*listener)), found)
    assert [listener for listener, obeys in answers if obeys] == []
    assert [address for address, _ in found if not ip_address(address).is_loopback] == []
    assert listening([launcher]) == set()
    assert found, "gloo does listen: this test looked at the wrong processes"
    started.until_it_trains()  # no knock at a rank's own ports disturbs it

    ranks[1].kill()
    wait_until(lambda: not any(map(is_alive, ranks)))
    started.until_it_trains()  # with other ranks
    started.launcher.terminate()
    said, _ = started.launcher.communicate(timeout=PATIENCE_S)
    assert started.launcher.returncode == STOPPED
    assert "rank 1 on" in said
    assert "was killed by signal 9 (Killed)" in said
    assert "restarting on 2 ranks in 1 s (1 of 3)" in said
    assert started.store_folders() == []


def test_ranks_save_and_end_when_their_launcher_is_killed(started: Started):
    _, *ranks = started.processes()
    started.launcher.kill()
    wait_until(lambda: not any(map(is_alive, ranks)))
    saved = latest_checkpoint(started.run.checkpoints)
    assert saved is not None
    assert int(saved.name) > 0
    assert [folder.stat().st_mode & 0o777 for folder in started.store_folders()] == [0o700]
