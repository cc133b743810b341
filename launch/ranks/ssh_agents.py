"""Agents that ssh starts, on hosts that it reaches."""

from collections.abc import Callable, Mapping
from pathlib import Path

from launch.hosts.host import Host
from launch.ranks.agent import agent_command, agent_input
from launch.ranks.agents import Where
from launch.ranks.remote import Remote
from launch.ranks.ssh import Ssh, explain
from trainer.ranks.exits import MACHINE_DIED

_LEAVE_S = 10.0


class SshAgents:
    """Starts the agent of each host by ssh, and again where the former one was lost.

    Args:
        run: folder of the run, as hosts find it from the folder of `ssh`.
        environment: what of it a host's ranks get; it travels over standard inputs.
    """

    patience_s = 60.0

    def __init__(self, run: Path, *, ssh: Ssh, environment: Callable[[Host], Mapping[str, str]]) -> None:
        self._run = run
        self._ssh = ssh
        self._environment = environment
        self._remotes: dict[str, Remote] = {}
        self._failed: dict[str, str] = {}
        self._addresses: dict[str, str] = {}

    def start(self, host: Host, where: Where) -> None:
        """Start one, and return at once."""
        former = self._remotes.pop(host.name, None)
        if former is not None:
            former.close()
        self._failed.pop(host.name, None)
        self._addresses[host.name] = f"{where.address}:{where.port}"
        words = self._ssh.command(host.name, agent_command(self._run, host=host, where=where))
        try:
            self._remotes[host.name] = Remote(words, first=agent_input(where, self._environment(host)))
        except OSError as error:
            self._failed[host.name] = f"ssh cannot be started here ({error}); install it, as by openssh-client."

    def why_not(self, host: Host) -> str | None:
        """Why it has ended; None while it runs."""
        remote = self._remotes.get(host.name)
        status = None if remote is None else remote.poll()
        if remote is None or status is None:
            return self._failed.get(host.name)
        said = remote.said
        if status == MACHINE_DIED and "coordinator" in said:
            address = self._addresses[host.name]
            return f"does not reach the launcher at {address}, which listens there: is a firewall between them?"
        python = agent_command(self._run, host=host, where="")[0]
        return explain(host.name, status=status, said=said, ssh=self._ssh, python=python)

    def close(self) -> None:
        """Wait for agents that were told to go; others find that the launcher is gone."""
        for remote in self._remotes.values():
            remote.end_input()
        for remote in self._remotes.values():
            remote.wait(_LEAVE_S)
            remote.close()
