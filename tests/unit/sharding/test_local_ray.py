"""A Ray of our own: nobody else reaches it, hands it work, or reads its files."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sharding.work.local_ray import private_folder
from tests.sockets import open_to_others

PATIENCE_S = 30

_STAY = """
import os, ray, time
from sharding.work.local_ray import local_ray
with local_ray(num_cpus=1, object_store_memory=80 * 2**20) as folder:
    niceness = ray.get(ray.remote(lambda: os.nice(0)).remote())
    print(folder, ray.get_runtime_context().gcs_address, niceness, flush=True)
    time.sleep(600)
"""

_KNOCK = """
import sys
from ray._raylet import GcsClient
print(GcsClient(address=sys.argv[1]).get_all_node_info(timeout=20))
"""


def knock(address: str, *, token: str) -> str:
    """What another process is told by Ray's head, with a token of its choice."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-c", _KNOCK, address],
        env=clean | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


def test_a_private_folder_is_removed_after_a_failure_too() -> None:
    with pytest.raises(ValueError, match="why not"), private_folder() as folder:
        (folder / "ray").mkdir()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        raise ValueError("why not")
    assert not folder.exists()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Of a user who has turned Ray's authentication off, for some cluster."""
    return tmp_path


@pytest.fixture
def driver(home: Path) -> Iterator[subprocess.Popen]:
    """A process with a Ray of its own."""
    environment = os.environ | {"HOME": str(home), "RAY_AUTH_MODE": "disabled"}
    process = subprocess.Popen([sys.executable, "-c", _STAY], stdout=subprocess.PIPE, text=True, env=environment)
    yield process
    process.kill()
    process.communicate()


def test_a_stranger_finds_no_port_no_token_and_no_file_and_nothing_stays(driver: subprocess.Popen, home: Path) -> None:
    assert driver.stdout is not None
    name, address, niceness = driver.stdout.readline().split()
    assert int(niceness) == os.nice(0)  # Ray's workers are no nicer than whoever started it
    folder = Path(name)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    children = psutil.Process(driver.pid).children(recursive=True)
    assert open_to_others([psutil.Process(driver.pid), *children]) == []

    kept = home / ".ray" / "auth_token"
    readable = kept.read_text() if kept.exists() else "0" * 64
    assert "Authentication token is missing or incorrect" in knock(address, token=readable)
    token = next(process.environ()["RAY_AUTH_TOKEN"] for process in children if process.name() == "gcs_server")
    assert "is_head_node: true" in knock(address, token=token)
    assert not any(token in word for process in children for word in process.cmdline())
    assert not kept.exists()

    driver.send_signal(signal.SIGTERM)
    assert driver.wait(timeout=PATIENCE_S) != 0
    assert not folder.exists()
