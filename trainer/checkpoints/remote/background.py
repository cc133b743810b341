"""Work behind training's back: one thing at a time, in a thread that nothing ends, and whose failures are counted."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from sharding.console import one_line

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A checkpoint to be sent."""

    position: int
    best: int | None
    """Position of the one that is kept as the best then."""


class Background:
    """A thread that does one job after the other.

    Args:
        work: does a job, or raises.
        skips: leave out a job that still waits when the next one comes.
    """

    def __init__(self, work: Callable[[Job], None], *, skips: bool) -> None:
        self.num_done = self.num_failed = self.num_skipped = 0
        self.longest_s = 0.0
        """Of the jobs that were done."""
        self.is_closing = False
        """Whether no job comes any more."""
        self._work = work
        self._skips = skips
        self._waiting: deque[Job] = deque()
        self._running: Job | None = None
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def is_overtaken(self) -> bool:
        """Whether another job waits for the end of this one."""
        return bool(self._waiting)

    def offer(self, job: Job) -> None:
        """Do it as soon as the ones before are done."""
        with self._changed:
            if self._skips:
                self.num_skipped += len(self._waiting)
                self._waiting.clear()
            self._waiting.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="upload", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def held(self) -> set[int]:
        """Positions of checkpoints that must not be removed yet."""
        with self._changed:
            jobs = [*self._waiting, *([self._running] if self._running is not None else [])]
            return {position for job in jobs for position in (job.position, job.best) if position is not None}

    def close(self, *, timeout_s: float) -> bool:
        """Wait for the last job. Returns whether it has ended."""
        with self._changed:
            self.is_closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def attempt(self, work: Callable[[], None], *, what: str) -> bool:
        """Do it here and now. Returns whether it went well; says and counts it otherwise."""
        try:
            work()
        except Exception as error:  # whatever it is, training goes on
            self.num_failed += 1
            _log.warning("%s", one_line(f"{what} failed: {str(error) or type(error).__name__}"))
            return False
        return True

    def _run(self) -> None:
        while (job := self._next()) is not None:
            began = time.monotonic()
            if self.attempt(lambda job=job: self._work(job), what=f"uploading checkpoint {job.position}"):
                self.num_done += 1
                self.longest_s = max(self.longest_s, time.monotonic() - began)

    def _next(self) -> Job | None:
        with self._changed:
            self._running = None
            self._changed.wait_for(lambda: self._waiting or self.is_closing)
            self._running = self._waiting.popleft() if self._waiting else None
            return self._running
