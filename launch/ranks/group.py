"""The processes of a run's ranks: they meet in a file, stop together, and none outlives the others or its launcher."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sharding.console import make_console
from trainer.loop.stop import LIFELINE_VARIABLE, handle, restore, stop_signal
from trainer.ranks.exits import STOPPED
from trainer.ranks.rendezvous import STORE_VARIABLE, private_store

GRACE_S = 20.0
"""After one rank has failed, the others have this long to end by themselves."""

SETTLE_S = 1.0
"""Signals that follow the first so soon say the same: kernel and shell both tell of a closed terminal."""

_PERIOD_S = 0.1

Rank = subprocess.Popen[bytes]


def run_ranks(command: Sequence[str], num_procs: int, *, remedy: str) -> int:
    """Run `command` in ranks on this machine, and wait for their end.

    The first signal to stop is passed on, and the ranks are waited for while they save. A second one ends them.

    Args:
        remedy: what the user can do if a rank was ended by a signal, and could not say so itself.

    Returns:
        The exit status of the first rank that failed (128 + the signal, if one ended it); STOPPED after a stop.

    Raises:
        OSError: a process could not be started. No other is left.
    """
    received: list[float] = []
    former = handle(lambda *_: received.append(time.monotonic()))
    try:
        with _started(command, num_procs) as ranks:
            return _Watch(ranks, received=received, remedy=remedy).until_the_end()
    finally:
        restore(former)


@contextmanager
def _started(command: Sequence[str], num_procs: int) -> Iterator[list[Rank]]:
    """Ranks in sessions of their own, so that a terminal tells their launcher alone."""
    ranks: list[Rank] = []
    with private_store() as store, _lifeline() as watched:
        common = {"WORLD_SIZE": str(num_procs), "LOCAL_WORLD_SIZE": str(num_procs)}
        common |= {STORE_VARIABLE: str(store), LIFELINE_VARIABLE: str(watched)}
        try:
            for rank in range(num_procs):
                environment = os.environ | common | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
                ranks.append(subprocess.Popen(command, env=environment, pass_fds=[watched], start_new_session=True))
            yield ranks
        finally:
            _kill(ranks)


@contextmanager
def _lifeline() -> Iterator[int]:
    """The end of a pipe that ranks watch. The other end is closed when this process is gone, however it goes."""
    watched, held = os.pipe()  # neither goes to other processes unless passed to them
    try:
        yield watched
    finally:
        os.close(watched)
        os.close(held)


def _kill(ranks: list[Rank]) -> None:
    """End what still runs, with all that it has started."""
    for rank in ranks:
        if rank.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(rank.pid, signal.SIGKILL)
            rank.wait()


class _Watch:
    """Watches running ranks.

    Args:
        received: when signals to stop came; a signal handler adds to it.
    """

    def __init__(self, ranks: list[Rank], *, received: list[float], remedy: str) -> None:
        self._ranks = ranks
        self._received = received
        self._remedy = remedy
        self._told = False
        self._failed: Rank | None = None
        self._deadline = float("inf")

    def until_the_end(self) -> int:
        """Returns the exit status."""
        while any(rank.poll() is None for rank in self._ranks):
            self._look()
            time.sleep(_PERIOD_S)
        self._look()
        if self._failed is not None:
            return _status(self._failed)
        return STOPPED if any(rank.returncode == STOPPED for rank in self._ranks) else 0

    def _look(self) -> None:
        if self._received:
            self._tell()
        if self._failed is None:
            self._find_failure()
        insisted = bool(self._received) and self._received[-1] - self._received[0] > SETTLE_S
        if insisted or time.monotonic() > self._deadline:
            _kill(self._ranks)

    def _tell(self) -> None:
        """Told once, ranks finish their step and save. Never by SIGINT if it can be: a rank that still starts would
        show where it was interrupted."""
        if self._told:
            return
        self._told = True
        for rank in self._ranks:
            rank.send_signal(stop_signal())

    def _find_failure(self) -> None:
        for number, rank in enumerate(self._ranks):
            if rank.poll() in (None, 0, STOPPED):
                continue
            self._failed = rank
            self._deadline = time.monotonic() + GRACE_S
            if rank.returncode < 0 and not self._told:  # it cannot say so itself
                how = f"signal {-rank.returncode} ({signal.strsignal(-rank.returncode)})"
                make_console(stderr=True).error(f"rank {number} was ended by {how}. {self._remedy}")
            self._tell()
            return


def _status(rank: Rank) -> int:
    return rank.returncode if rank.returncode >= 0 else 128 - rank.returncode
