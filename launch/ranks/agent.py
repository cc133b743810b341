"""`python -m launch.ranks.agent RUN --coordinator ADDR:PORT --host NAME --slots N`: the ranks of one host.

Another process, the coordinator, decides what they do. When it is gone, they save if they can, and nothing is left.
"""

import argparse
import contextlib
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from launch.hosts.host import Host
from launch.ranks.agents import Where
from launch.ranks.connect import connect
from launch.ranks.host_agent import HostAgent
from launch.ranks.interpreter import module_command
from launch.ranks.links import PERIOD_S
from launch.ranks.messages import Asked, Beat, Hello, Leave, Lost, Message
from launch.ranks.server import BEAT_S, SILENCE_S
from launch.ranks.wire import TokenError, Wire, WireError
from sharding.console import guard_terminal, make_console, one_line
from trainer.loop.stop import LAST_SAVE_S, handle, restore
from trainer.ranks.exits import FINISHED, MACHINE_DIED, STOPPED, WRONG_INPUT

TOKEN_VARIABLE = "DIPTYCH_TOKEN"
"""Environment variable: what coordinator and agents of a job know, and nobody else."""

UNEASY_S = SILENCE_S / 2
"""After so long without a word of the coordinator ranks are told to save and end ..."""

ALONE_S = SILENCE_S - BEAT_S
"""... and after so long they are ended: before the coordinator, which then counts them lost, starts others."""


_LAST_WORD_S = 1.0
"""A launcher that is gone may have let this agent go: its word and the end of the standard input come by two ways."""


def agent_command(run: Path, *, host: Host, where: Where | str) -> list[str]:
    """The command that runs an agent on `host`: nothing in it is secret."""
    coordinator = where if isinstance(where, str) else f"{where.address}:{where.port}"
    slots = str(host.slots)
    return module_command(
        "launch.ranks.agent", str(run), "--coordinator", coordinator, "--host", host.name, "--slots", slots
    )


def agent_input(where: Where, environment: Mapping[str, str]) -> bytes:
    """What the standard input of `agent_command` begins with; it is to stay open as long as the launcher lives."""
    return json.dumps({"token": where.token, "environment": dict(environment)}).encode() + b"\n"


def run_agent(
    run: Path,
    *,
    coordinator: tuple[str, int],
    host: Host,
    token: str,
    patience_s: float = 300.0,
    command: Sequence[str] = (),
    gone: threading.Event | None = None,
) -> int:
    """Do what the coordinator says until it lets this agent go, or is gone.

    Args:
        patience_s: how long to try to connect.
        run: its folder, unless the coordinator names another.
        command: what each rank runs; a training of the run if not given.
        gone: is set when the launcher that started this process is gone.

    Returns:
        FINISHED if the coordinator let it go; STOPPED by a signal before it was found; MACHINE_DIED if it is gone, or
        never answered; WRONG_INPUT if it has another token.
    """
    received: list[float] = []
    former = handle(lambda *_: received.append(time.monotonic()))
    try:
        gone = gone or threading.Event()
        wire = connect(coordinator, token, patience_s=patience_s, given_up=lambda: bool(received) or gone.is_set())
        if wire is None:
            return STOPPED
        return _Agent(wire, run, host, command, received=received, gone=gone).until_the_end()
    except OSError as error:
        make_console(stderr=True).error(f"{host.name}: coordinator {coordinator[0]}:{coordinator[1]}: {error}")
        return WRONG_INPUT if isinstance(error, TokenError) else MACHINE_DIED
    finally:
        restore(former)


class _Agent:
    """The agent once it is connected."""

    def __init__(
        self,
        wire: Wire,
        run: Path,
        host: Host,
        command: Sequence[str],
        *,
        received: list[float],
        gone: threading.Event,
    ) -> None:
        self._wire = wire
        self._host = host
        self._received = received
        self._gone = gone
        self._told_s = 0
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._to_send: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._is_alone = False
        self._heard_s = time.monotonic()
        self._ranks = HostAgent(run, host=host.name, command=command, emit=self._emit, address=wire.own_address)
        wire.set_patience(SILENCE_S)
        wire.send(Hello(host=host.name, slots=host.slots, time=time.time()))
        for work in (self._listen, self._speak):
            threading.Thread(target=work, name="coordinator", daemon=True).start()

    def until_the_end(self) -> int:
        """Returns the exit status."""
        try:
            while True:
                message = self._next()
                if isinstance(message, Leave):
                    return FINISHED
                if isinstance(message, Lost):
                    return self._alone(message.reason)
                if message is not None:
                    self._ranks.handle(message)
                self._ranks.look()
                self._pass_on_signals()
        finally:
            self._ranks.close()
            self._wire.close()

    def _next(self) -> Message | None:
        """The next message, if there is one soon. Silence is looked at first: this host may have been frozen."""
        if time.monotonic() - self._heard_s > UNEASY_S:
            return Lost(f"nothing was heard for {time.monotonic() - self._heard_s:.0f} s")
        is_gone = self._gone.is_set()
        with contextlib.suppress(queue.Empty):
            return self._messages.get(timeout=_LAST_WORD_S if is_gone else PERIOD_S)
        return Lost("the launcher is gone") if is_gone else None

    def _alone(self, reason: str) -> int:
        """Without a coordinator: ranks save if they can, and are ended before others can have been started."""
        make_console(stderr=True).error(f"{self._host.name} without its coordinator: {one_line(reason)}")
        silent = time.monotonic() - self._heard_s
        seconds = LAST_SAVE_S if silent < UNEASY_S else ALONE_S - silent
        self._is_alone = True
        self._ranks.stop()
        deadline = time.monotonic() + seconds
        while self._ranks.look() and time.monotonic() < deadline and not self._is_expelled():
            time.sleep(PERIOD_S)
        return MACHINE_DIED

    def _is_expelled(self) -> bool:
        while not self._messages.empty():
            if isinstance(self._messages.get(), Leave):
                return True
        return False

    def _pass_on_signals(self) -> None:
        """It is the coordinator who decides, for all hosts alike."""
        if len(self._received) > self._told_s:
            self._told_s = len(self._received)
            self._emit(Asked())

    def _emit(self, message: Message) -> None:
        """Never waits. Ranks that are ended here because nothing was heard have not ended as they should: if the
        coordinator is there after all, it is to find this host lost, and to start them again."""
        if not self._is_alone:
            self._to_send.put(message)

    def _listen(self) -> None:
        try:
            while True:
                message = self._wire.receive()
                self._heard_s = time.monotonic()
                if not isinstance(message, Beat):
                    self._messages.put(message)
        except WireError as error:
            self._messages.put(Lost(str(error)))

    def _speak(self) -> None:
        with contextlib.suppress(WireError):  # the thread that listens reports it
            while True:
                message: Message = Beat()
                with contextlib.suppress(queue.Empty):
                    message = self._to_send.get(timeout=BEAT_S)
                self._wire.send(message)


def _read_token(gone: threading.Event) -> str:
    """From the environment, or from the standard input, which is then watched for its end, with an environment."""
    given = os.environ.get(TOKEN_VARIABLE)
    if given:
        return given
    first = json.loads(sys.stdin.buffer.readline() or b"{}")
    os.environ.update(first.get("environment", {}))

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1 << 12):
            pass
        gone.set()

    threading.Thread(target=watch, name="launcher", daemon=True).start()
    return first.get("token", "")


def main(argv: Sequence[str], *, command: Sequence[str] = ()) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m launch.ranks.agent", description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--coordinator", required=True, metavar="ADDR:PORT")
    parser.add_argument("--host", required=True)
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--patience", type=float, default=60.0, metavar="SECONDS")
    options = parser.parse_args(argv)
    address, _, port = options.coordinator.rpartition(":")
    gone = threading.Event()
    token = _read_token(gone)
    if not token:
        make_console(stderr=True).error(f"no token: set {TOKEN_VARIABLE} to the same on all hosts.")
        return WRONG_INPUT
    host = Host(options.host, options.slots)
    where, patience_s = (address, int(port)), options.patience
    return run_agent(
        options.run, coordinator=where, host=host, token=token, patience_s=patience_s, command=command, gone=gone
    )


if __name__ == "__main__":
    guard_terminal()
    sys.exit(main(sys.argv[1:]))
