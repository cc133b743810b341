"""Agents that somebody else starts, on each host; that of the coordinator's own host is started here."""

from pathlib import Path

from launch.hosts.host import Host
from launch.ranks.agent import agent_command, agent_input
from launch.ranks.agents import Where
from launch.ranks.remote import Remote
from launch.ranks.ssh import last_words

_LEAVE_S = 10.0


class AwaitedAgents:
    """Waits for those of other hosts, which come when their commands are given there.

    Args:
        own: the host that this process runs on.
    """

    patience_s = 300.0

    def __init__(self, run: Path, *, own: Host) -> None:
        self._run = run
        self._own = own
        self._process: Remote | None = None

    def start(self, host: Host, where: Where) -> None:
        """Start that of this host; others come, or come again, by themselves."""
        if host.name != self._own.name:
            return
        self._end()
        self._process = Remote(agent_command(self._run, host=host, where=where), first=agent_input(where, {}))

    def why_not(self, host: Host) -> str | None:
        """Why that of this host has ended; None for others, which may come as long as there is patience."""
        if host.name != self._own.name or self._process is None or self._process.poll() is None:
            return None
        return f"ended with status {self._process.poll()}: {last_words(self._process.said) or 'without a word'}"

    def close(self) -> None:
        """Wait for the own one, which was told to go."""
        if self._process is not None:
            self._process.end_input()
            self._process.wait(_LEAVE_S)
        self._end()

    def _end(self) -> None:
        if self._process is not None:
            self._process.close()
        self._process = None
