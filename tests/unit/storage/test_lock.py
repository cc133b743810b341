"""One process at a time in a folder: who is second is told of the first, and a killed one leaves nothing to clear."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sharding.storage.lock import LOCK_FILE, only_process

HOLD = """
import sys
from pathlib import Path
from sharding.storage.lock import only_process
with only_process(Path(sys.argv[1]), refuse=ValueError):
    print("held", flush=True)
    sys.stdin.read()
"""


def held_by_another(folder: Path) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], text=True, **pipes)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_is_told_of_the_first_and_a_killed_one_holds_nothing(tmp_path: Path) -> None:
    with held_by_another(tmp_path) as first:
        holder = f"process {first.pid} on host {socket.gethostname()} since 20"
        with pytest.raises(ValueError, match=holder), only_process(tmp_path, refuse=ValueError):
            pytest.fail("two hold it")
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    with only_process(tmp_path, refuse=ValueError):
        assert str(os.getpid()) in (tmp_path / LOCK_FILE).read_text()
    with only_process(tmp_path, refuse=ValueError):
        pass


def test_a_lock_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    thesis = tmp_path / "thesis"
    thesis.write_text("years")
    (tmp_path / LOCK_FILE).symlink_to(thesis)
    with pytest.raises(OSError, match="symbolic links"), only_process(tmp_path, refuse=ValueError):
        pass
    assert thesis.read_text() == "years"


def test_a_holder_that_has_written_nothing_is_another_process(tmp_path: Path) -> None:
    with only_process(tmp_path, refuse=ValueError):
        (tmp_path / LOCK_FILE).write_text("")
        with pytest.raises(ValueError, match="another process"), only_process(tmp_path, refuse=ValueError):
            pass
