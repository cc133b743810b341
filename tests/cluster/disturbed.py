"""A training of two ranks on machines of tests, to be disturbed: what it says, how far it is, and what it leaves."""

import contextlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.cluster.namespaces import Machine
from tests.cluster.training import PATIENCE_S, STEP
from tests.processes import is_alive
from trainer.checkpoints.layout import latest_checkpoint
from trainer.monitoring.metrics_file import read_metrics
from trainer.runs.rundir import RunDir

ROOT = Path(__file__).parents[2]
INTERVAL = 10 * STEP
"""Images from one checkpoint to the next."""

FAULT_AT = 14 * STEP
"""Images after which a fault is provoked: in the middle of an interval."""

SLACK_S = 30.0
"""For the launcher to notice and to act, beyond what it waits for on purpose, on a machine that is busy."""


class Training:
    """Two ranks on n1 and n2, with n3 as a spare; the launcher runs on n1."""

    def __init__(self, machines: list[Machine], run: RunDir, folder: Path) -> None:
        self.machines = machines
        self.run = run
        self._folder = folder
        self._shared_memory = shared_memory()
        self._there_before = {pid for machine in machines for pid in machine.pids()}
        self._launcher: subprocess.Popen | None = None
        self._starts = 0

    @property
    def launcher(self) -> subprocess.Popen:
        assert self._launcher is not None
        return self._launcher

    @property
    def said(self) -> str:
        """What the launcher has said since its start."""
        return self._output.read_text()

    @property
    def position(self) -> int:
        """Images of the newest line of metrics."""
        lines = read_metrics(self.run.metrics_file)
        return max((int(line["position"]) for line in lines), default=0)

    def start(self) -> None:
        """Start the launcher, again where it has ended."""
        self._starts += 1
        reach = {machine.name: {"address": machine.address, "reach": machine.command()} for machine in self.machines}
        command = [sys.executable, "-m", "tests.cluster.launcher", str(self.run.path), json.dumps(reach)]
        environment = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TMPDIR": str(self._folder)}
        self._output = self._folder / f"said-{self._starts}"
        with self._output.open("w") as output:
            self._launcher = self.machines[0].start(*command, env=environment, stdout=output, stderr=output)

    def until(self, condition: Callable[[], bool], *, within_s: float = PATIENCE_S) -> None:
        """Wait for it, while the launcher runs."""
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain; the launcher said: {self.said}"
            assert self.launcher.poll() is None, self.said
            time.sleep(0.05)

    def train(self, *, to: int) -> None:
        """Wait until so many images are trained on."""
        self.until(lambda: self.position >= to)

    def rank(self, number: int) -> psutil.Process:
        """The newest process of a rank."""
        found = [process for process in self.processes() if environment_of(process).get("RANK") == str(number)]
        return max(found, key=lambda process: process.create_time())

    def agent(self, host: str) -> psutil.Process:
        """The agent of a machine."""
        (found,) = [p for p in self.processes() if "agent" in (words := p.cmdline()) and host in words]
        return found

    def pids(self) -> set[int]:
        """Of all that runs on the machines since this was made."""
        return {pid for machine in self.machines for pid in machine.pids()} - self._there_before

    def processes(self) -> list[psutil.Process]:
        """Those that are still there."""
        found = []
        for pid in self.pids():
            with contextlib.suppress(psutil.NoSuchProcess):  # it may go at any moment
                found.append(psutil.Process(pid))
        return found

    def attempts(self) -> list[Path]:
        """Folders of logs, one for each attempt."""
        return sorted((self.run.path / "logs").iterdir())

    def disturb(self, fault: Callable[[], None], *, within_s: float) -> psutil.Process:
        """Provoke it: the rank on n1 ends soon, and at most one interval is lost. Returns that rank."""
        self.train(to=FAULT_AT)
        other = self.rank(0)
        fault()
        reached = self.position
        self.until(lambda: not is_alive(other), within_s=within_s + SLACK_S)
        self.until(lambda: len(self.attempts()) == 2)
        kept = latest_checkpoint(self.run.checkpoints)
        assert kept is not None
        assert reached - int(kept.name) <= INTERVAL + STEP
        return other

    def end(self) -> int:
        """The launcher's exit status; nothing is left behind by now, or soon."""
        status = self.launcher.wait(PATIENCE_S)
        self.assert_nothing_is_left()
        return status

    def assert_nothing_is_left(self) -> None:
        """No process, no port, no shared memory."""
        deadline = time.monotonic() + SLACK_S
        while left := self.pids():
            assert time.monotonic() < deadline, left
            time.sleep(0.1)
        assert [machine.listening() for machine in self.machines] == [[], [], []]
        assert shared_memory() - self._shared_memory == set()

    def close(self) -> None:
        """Whatever the test has left."""
        for machine in self.machines:
            machine.thaw()
            machine.kill()


def environment_of(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:  # gone
        return {}


def shared_memory() -> set[str]:
    """Files in /dev/shm that no living process has mapped: other programs may come and go meanwhile."""
    mapped: set[str] = set()
    for maps in Path("/proc").glob("[0-9]*/maps"):
        try:
            mapped |= set(re.findall(r"/dev/shm/\S+", maps.read_text()))
        except OSError:  # gone
            continue
    return {str(path) for path in Path("/dev/shm").iterdir()} - mapped
