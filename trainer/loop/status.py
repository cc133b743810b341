"""Says every few seconds how the run is, for whoever looks from outside."""

import contextlib
import os
import time
from collections import deque
from typing import Literal

from trainer.ranks.world import World
from trainer.runs.rundir import RunDir
from trainer.runs.status import HostStatus, Status, write_status

PERIOD_S = 5.0
_MARKS = 13  # of PERIOD_S: speed is that of a minute

State = Literal["training", "evaluating", "ended"]


class StatusWriter:
    """Writes `status.json` on the main rank: when the state is another, and every few seconds while it is not.

    Args:
        total: images that the run is to see.
    """

    def __init__(self, run: RunDir, *, world: World, total: int) -> None:
        self._run = run
        self._total = total
        self._hosts = _hosts(world)
        self._started = time.time()
        self._state: State | None = None
        self._written = 0.0
        self._marks: deque[tuple[float, int]] = deque(maxlen=_MARKS)

    def tell(self, state: State, *, position: int, checkpoint: int | None, outcome: str = "") -> None:
        """Say it if it is time to.

        Args:
            position: images seen.
            checkpoint: position of the newest one.
            outcome: how it ended.
        """
        now = time.monotonic()
        if state == self._state and now - self._written < PERIOD_S:
            return
        if not self._marks or now - self._marks[-1][0] >= PERIOD_S:
            self._marks.append((now, position))
        self._state, self._written = state, now
        speed = self._speed()
        status = Status(
            state=state,
            outcome=outcome,
            position=position,
            total=self._total,
            images_per_s=speed,
            eta_s=max(0, self._total - position) / speed if speed else None,
            checkpoint=checkpoint,
            hosts=self._hosts,
            attempt=attempt(),
            started=self._started,
            updated=time.time(),
        )
        with contextlib.suppress(OSError):  # a full disk ends the run where something is lost by it
            write_status(self._run.path, status)

    def _speed(self) -> float | None:
        (first, before), (last, after) = self._marks[0], self._marks[-1]
        return (after - before) / (last - first) if last > first else None


def _hosts(world: World) -> list[HostStatus]:
    ranks: dict[str, list[int]] = {}
    for rank, host in enumerate(world.hosts):
        ranks.setdefault(host, []).append(rank)
    return [HostStatus(host=host, ranks=numbers) for host, numbers in ranks.items()]


def attempt() -> int:
    """Which start of all ranks this is, within one launch: 1, 2, ..."""
    text = os.environ.get("DIPTYCH_ATTEMPT", "1")
    return int(text) if text.isdecimal() and int(text) else 1
