"""Commands of a user on machines of a test, and what is left there afterwards."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.namespaces import Machine
from trainer.runs.rundir import RunDir

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def diptych(*arguments: str | Path) -> list[str]:
    """The command `diptych` with its arguments."""
    return [sys.executable, "-m", "launch.cli", *map(str, arguments)]


def write_hosts(folder: Path, machines: Sequence[Machine]) -> Path:
    """A hostfile with a slot on each machine."""
    path = folder / "hosts"
    path.write_text("".join(f"{machine.name} slots=1\n" for machine in machines))
    return path


SAME_ARITHMETIC = [
    word
    for name in ("ATEN_CPU_CAPABILITY", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA")
    for word in ("--env", name)
]
"""Options that pass on what `tests/conftest.py` sets and ssh does not: a processor with wider vectors would give other
digits there than here."""


def resume(run: RunDir, hostfile: Path, *options: str) -> list[str]:
    """The command that trains a run on the hosts of a file."""
    return diptych("train", "--resume", run.path, "--hostfile", hostfile, *options)


def start(machine: Machine, command: Sequence[str], said: Path, **changes: str) -> subprocess.Popen:
    """Start a command there, whose output goes into the file `said`."""
    with said.open("w") as file:
        return machine.start(*command, env=ENVIRONMENT | changes, stdout=file, stderr=subprocess.STDOUT)


def assert_nothing_is_left(machines: Sequence[Machine]) -> None:
    """No process and no port, within seconds."""
    deadline = time.monotonic() + 30
    while left := {machine.name: machine.pids() for machine in machines if machine.pids()}:
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
    assert [machine.listening() for machine in machines] == [[] for _ in machines]


def logs(run: RunDir) -> dict[str, str]:
    """Name -> content of the ranks' logs."""
    return {path.name: path.read_text() for path in (run.path / "logs").glob("*/rank-*.log")}
