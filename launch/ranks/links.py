"""The coordinator's connections to its agents: one in this process, or one over TCP from each host."""

import queue
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from launch.hosts.host import Host
from launch.ranks.host_agent import HostAgent
from launch.ranks.messages import Message

PERIOD_S = 0.1
"""Ended ranks are looked for so often."""


class Heard(NamedTuple):
    """A message, and whose agent sent it."""

    host: str
    message: Message


class Links(Protocol):
    """Agents of hosts, wherever they are."""

    patience_s: float
    """How long to wait for agents that are to come."""
    is_remote: bool
    """Whether ranks meet over a network."""

    @property
    def present(self) -> dict[str, float]:
        """Hosts whose agents are connected, and how many seconds their clocks are ahead of this one."""
        ...

    def invite(self, host: Host) -> None:
        """Have the agent of `host` come."""
        ...

    def why_not(self, host: Host) -> str | None:
        """Why it will not come; None while it may."""
        ...

    def send(self, host: str, message: Message) -> None:
        """Send, if it is connected: who is not is reported as lost."""
        ...

    def poll(self) -> list[Heard]:
        """What has been heard; waits for `PERIOD_S` at most."""
        ...

    def dismiss(self, host: str) -> None:
        """Have its agent end what it has started, and itself. Does not wait: it may be frozen."""
        ...

    def close(self) -> None:
        """Dismiss all of them."""
        ...


class LocalLinks:
    """The agent of this machine, in this process.

    Args:
        host: this machine.
        command: what each rank runs.
        terminal: whether rank 0 may look at the standard input.
        held: descriptors that ranks keep open as long as they live.
    """

    is_remote = False
    patience_s = 0.0

    def __init__(
        self, run: Path, *, host: Host, command: Sequence[str], terminal: bool = False, held: Sequence[int] = ()
    ) -> None:
        self._heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._host = host.name

        def emit(message: Message) -> None:
            self._heard.put(Heard(host.name, message))

        self._agent = HostAgent(run, host=host.name, command=command, emit=emit, terminal=terminal, held=held)
        self.present = {host.name: 0.0}

    def invite(self, host: Host) -> None:
        self.present = {host.name: 0.0}

    def why_not(self, host: Host) -> str | None:
        return None

    def send(self, host: str, message: Message) -> None:
        self._agent.handle(message)

    def poll(self) -> list[Heard]:
        self._agent.look()
        return take_all(self._heard)

    def dismiss(self, host: str) -> None:
        self._agent.close()

    def close(self) -> None:
        self._agent.close()


def take_all(heard: "queue.SimpleQueue[Heard]") -> list[Heard]:
    """All that has been heard, waiting for the first for `PERIOD_S` at most."""
    found: list[Heard] = []
    deadline = time.monotonic() + PERIOD_S
    try:
        found.append(heard.get(timeout=max(0.0, deadline - time.monotonic())))
        while True:
            found.append(heard.get_nowait())
    except queue.Empty:
        return found
