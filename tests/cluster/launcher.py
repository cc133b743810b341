"""A launcher on one machine whose agents it starts on the others: `python -m tests.cluster.launcher RUN MACHINES`.

MACHINES is a JSON object: name of each -> its address, and the words that run a command there.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from launch.hosts.host import Host
from launch.ranks import agent, attempt, server
from launch.ranks.agents import Where
from launch.ranks.job import Job, run_job

SILENCE_S = 8.0
"""Sooner than users wait: tests that freeze machines are to be short."""

GRACE_S = 5.0


def hurry() -> None:
    """Let both sides lose patience sooner, in the same proportions."""
    attempt.GRACE_S = GRACE_S
    server.BEAT_S = agent.BEAT_S = 1.0
    server.SILENCE_S = agent.SILENCE_S = SILENCE_S
    agent.UNEASY_S, agent.ALONE_S = SILENCE_S / 2, SILENCE_S - 1.0


class MachineAgents:
    """Starts agents in network namespaces: as ssh does, without ssh."""

    patience_s = 60.0

    def __init__(self, run: Path, reach: Mapping[str, Sequence[str]]) -> None:
        self._run = run
        self._reach = reach
        self._agents: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, host: Host, where: Where) -> None:
        """Start one; the input of a former one is closed, as that of ssh."""
        self._let_go(host.name)
        _, _, *arguments = agent.agent_command(self._run, host=host, where=where)
        assert arguments[0] == "launch.ranks.agent"
        command = [*self._reach[host.name], sys.executable, "-m", "tests.cluster.launcher", "agent", *arguments[1:]]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        assert process.stdin is not None
        process.stdin.write(agent.agent_input(where, {}))
        process.stdin.flush()
        self._agents[host.name] = process

    def why_not(self, host: Host) -> str | None:
        """Its exit status, if it has ended."""
        status = self._agents[host.name].poll()
        return None if status is None else f"its agent ended with status {status}"

    def close(self) -> None:
        """Let go of all."""
        for name in self._agents:
            self._let_go(name)

    def _let_go(self, name: str) -> None:
        if name in self._agents and (pipe := self._agents[name].stdin) is not None:
            pipe.close()


def main(run: Path, machines: Mapping[str, Mapping[str, object]]) -> int:
    """Two ranks on the first two machines; the others are spares. Returns the exit status."""
    address = str(next(iter(machines.values()))["address"])
    reach = {name: [str(word) for word in machine["reach"]] for name, machine in machines.items()}  # type: ignore[union-attr]
    job = Job(run=run, hosts=[Host(name, 1) for name in machines], num_procs=(2, 2), again="again", device="cpu")
    return run_job(job, agents=MachineAgents(run, reach), address=address)


if __name__ == "__main__":
    hurry()
    if sys.argv[1] == "agent":
        sys.exit(agent.main(sys.argv[2:]))
    sys.exit(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
