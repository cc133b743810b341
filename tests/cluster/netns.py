"""Network namespaces by name: what runs in one, and how one goes, also if the tests that made it were killed."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

_PREFIX = "dx"
_OURS = re.compile(rf"{_PREFIX}([0-9]+)-")


def own_prefix() -> str:
    """With which names begin that this process makes."""
    return f"{_PREFIX}{os.getpid()}-"


def pids_in(namespace: str) -> list[int]:
    """Processes that run there."""
    found = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=True)
    return [int(pid) for pid in found.stdout.split()]


def tell(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to processes, some of which may be gone."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def remove_namespace(name: str) -> None:
    """End what runs there, and the namespace with its cables."""
    deadline = time.monotonic() + 10
    while (pids := pids_in(name)) and time.monotonic() < deadline:
        tell(pids, signal.SIGKILL)
        time.sleep(0.05)
    subprocess.run(["ip", "netns", "del", name], check=True)


def remove_abandoned(etc: Path) -> None:
    """Remove namespaces whose makers were killed, with their folders in `etc`, which is `/etc/netns`."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    for name in (line.split()[0] for line in listed.splitlines() if line.strip()):
        made = _OURS.match(name)
        if made is not None and not psutil.pid_exists(int(made[1])):
            remove_namespace(name)
            shutil.rmtree(etc / name, ignore_errors=True)
