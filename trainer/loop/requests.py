"""Hears what is asked of a run, by a signal to one rank or by a file, and lets all ranks do it at the same step."""

import time
from pathlib import Path

import psutil

from trainer.loop.stop import StopFlag
from trainer.ranks.world import World
from trainer.runs.control import Request, asked, request_file, withdraw

PERIOD_S = 1.0
"""The main rank looks for files so often: each look is a question to a file system that may be far away."""


_TROUBLE = max(Request) + 1


class Requests:
    """What is asked of one run.

    Args:
        run: its folder, which only the main rank looks into.
        stop: set by a signal to this rank.
    """

    def __init__(self, run: Path, *, world: World, stop: StopFlag) -> None:
        self._run = run
        self._world = world
        self._stop = stop
        self._looked = -PERIOD_S

    def agreed(self, *, in_trouble: bool = False) -> Request | None:
        """What is asked for now, on all ranks alike. To be called by all; what was asked for by a file is taken.

        Args:
            in_trouble: this rank cannot go on. Then the answer is None, on all ranks.
        """
        own = Request.STOP if self._stop.is_set else self._asked_by_file()
        vote = self._world.largest(_TROUBLE if in_trouble else own)
        if vote == _TROUBLE:
            return None
        request = Request(vote)
        if request and self._world.is_main:
            withdraw(self._run, request)
        return request

    def _asked_by_file(self) -> Request:
        now = time.monotonic()
        if not self._world.is_main or now - self._looked < PERIOD_S:
            return Request.NONE
        self._looked = now
        return asked(self._run)


def forget_old_requests(run: Path) -> list[str]:
    """Remove what was asked before this process began: of a training that had ended. Returns what it was."""
    began = psutil.Process().create_time()
    old = [kind for kind in (Request.SAVE, Request.STOP) if _age(request_file(run, kind)) < began]
    for kind in old:
        request_file(run, kind).unlink(missing_ok=True)
    return [kind.name.lower() for kind in old]


def _age(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return float("inf")
