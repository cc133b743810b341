"""Agents on the nodes of a job: a step of Slurm's for each."""

import contextlib
import os
import subprocess
import time
from pathlib import Path
from typing import IO

from launch.hosts.host import Host
from launch.ranks.agent import TOKEN_VARIABLE, agent_command
from launch.ranks.agents import Where
from launch.slurm.script import FOLDER

PATIENCE_S = 300.0
"""Nodes that wake up, prologs and file systems take minutes."""

_LEAVE_S = 10.0
_TAIL = 2000  # bytes of a step's last words


class SlurmAgents:
    """Starts an agent on each node by `srun`, and again where the former one was lost.

    Args:
        run: the run's folder; what agents and Slurm say of them goes into `slurm/agent-NODE.log` there.
    """

    patience_s = PATIENCE_S

    def __init__(self, run: Path) -> None:
        self._run = run
        self._steps: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, host: Host, where: Where) -> None:
        """Start one, and return at once. The token is in its environment, which others cannot see."""
        self._end(host.name)
        command = step_command(agent_command(self._run, host=host, where=where), node=host.name)
        with self._log(host.name).open("ab") as log:
            self._steps[host.name] = subprocess.Popen(
                [*command, "--patience", str(PATIENCE_S)],
                env=os.environ | {TOKEN_VARIABLE: where.token},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a signal to the script's group is the launcher's to pass on
            )

    def why_not(self, host: Host) -> str | None:
        """What `srun` said last, if it has ended; None if it has not."""
        step = self._steps.get(host.name)
        if step is None or step.poll() is None:
            return None
        return f"srun ended with {step.returncode}: {_tail(self._log(host.name)) or 'it said nothing'}"

    def close(self) -> None:
        """Wait for agents that were told to go; end the steps of others."""
        deadline = time.monotonic() + _LEAVE_S
        for step in self._steps.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                step.wait(max(0.0, deadline - time.monotonic()))
        for name in list(self._steps):
            self._end(name)

    def _end(self, name: str) -> None:
        step = self._steps.pop(name, None)
        if step is not None and step.poll() is None:
            step.kill()
            step.wait()

    def _log(self, name: str) -> Path:
        return self._run / FOLDER / f"agent-{name}.log"


def step_command(command: list[str], *, node: str) -> list[str]:
    """What runs a command as one task on a node of the job, with all that the job has there, GPUs included."""
    options = {
        "nodes": "1",
        "ntasks": "1",
        "ntasks-per-node": "1",
        "nodelist": node,
        "mem": "0",  # all of the job's
        "cpu-bind": "none",  # cores are divided among its ranks
        "kill-on-bad-exit": "0",
        "export": "ALL",
        "job-name": "ranks",
    }
    # A step that still ends after its node was lost must not hold up the one that follows.
    return ["srun", "--overlap", *(f"--{name}={value}" for name, value in options.items()), *command]


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        _skip_to_tail(file)
        return " ".join(file.read().decode(errors="replace").split())


def _skip_to_tail(file: IO[bytes]) -> None:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL))
