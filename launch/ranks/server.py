"""Agents of other hosts, over TCP: whoever shows the token and is a host of the job is listened to."""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from launch.hosts.host import Host
from launch.ranks.agents import Agents, Where
from launch.ranks.links import Heard, take_all
from launch.ranks.messages import Beat, Hello, Leave, Lost, Message
from launch.ranks.wire import Wire, WireError, answer_agent
from trainer.ranks.rendezvous import listen

BEAT_S = 2.0
"""Both sides say so often that they are there."""

SILENCE_S = 20.0
"""A host that was not heard for so long is lost: frozen, or cut off."""


class _Member(NamedTuple):
    wire: Wire
    ahead_s: float


class RemoteLinks:
    """Listens for agents, and watches that they are heard.

    Raises:
        OSError: it cannot listen at that address and port.
    """

    is_remote = True

    def __init__(self, hosts: Sequence[Host], *, agents: Agents, where: Where) -> None:
        self._names = {host.name for host in hosts}
        self._agents = agents
        self._heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._members: dict[str, _Member] = {}
        self._changing = threading.Lock()
        self._closed = threading.Event()
        self._server = listen(where.address, where.port)
        self._where = where._replace(port=self._server.getsockname()[1])
        self.patience_s = agents.patience_s
        for work in (self._accept, self._beat):
            threading.Thread(target=work, name="links", daemon=True).start()

    @property
    def present(self) -> dict[str, float]:
        with self._changing:
            return {name: member.ahead_s for name, member in self._members.items()}

    def invite(self, host: Host) -> None:
        self._agents.start(host, self._where)

    def why_not(self, host: Host) -> str | None:
        return self._agents.why_not(host)

    def send(self, host: str, message: Message) -> None:
        member = self._members.get(host)
        if member is not None:
            with contextlib.suppress(WireError):  # its reader reports it lost
                member.wire.send(message)

    def poll(self) -> list[Heard]:
        return take_all(self._heard)

    def dismiss(self, host: str) -> None:
        with self._changing:
            member = self._members.pop(host, None)
        if member is not None:
            with contextlib.suppress(WireError):
                member.wire.send(Leave())
            member.wire.close()

    def close(self) -> None:
        self._closed.set()
        for host in self.present:
            self.dismiss(host)
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._server.close()
        self._agents.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = self._server.accept()
            except OSError:  # closed, or a client that has gone meanwhile
                time.sleep(0.01)
                continue
            threading.Thread(target=self._serve, args=(connection,), name="agent", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        """The life of one connection."""
        try:
            wire = answer_agent(connection, self._where.token)
            wire.set_patience(SILENCE_S)
            hello = wire.receive()
        except WireError:  # a stranger, who knocked in vain
            connection.close()
            return
        if not isinstance(hello, Hello) or not self._enter(hello, wire):
            with contextlib.suppress(WireError):
                wire.send(Leave())
            wire.close()
            return
        self._listen(hello.host, wire)

    def _enter(self, hello: Hello, wire: Wire) -> bool:
        """Whether it is a host of the job, and the only agent of that name."""
        with self._changing:
            if self._closed.is_set() or hello.host not in self._names or hello.host in self._members:
                return False
            self._members[hello.host] = _Member(wire, hello.time - time.time())
        self._heard.put(Heard(hello.host, hello))
        return True

    def _listen(self, host: str, wire: Wire) -> None:
        reason = ""
        try:
            while True:
                message = wire.receive()
                if not isinstance(message, Beat):
                    self._heard.put(Heard(host, message))
        except WireError as error:
            reason = str(error)
        with self._changing:
            current = self._members.get(host)
            if current is None or current.wire is not wire:  # dismissed
                return
            del self._members[host]
        with contextlib.suppress(WireError):  # if it was but frozen, it finds this, and ends what it has
            wire.send(Leave())
        wire.close()
        self._heard.put(Heard(host, Lost(reason)))

    def _beat(self) -> None:
        while not self._closed.wait(BEAT_S):
            with self._changing:
                wires = [member.wire for member in self._members.values()]
            for wire in wires:
                with contextlib.suppress(WireError):
                    wire.send(Beat())
