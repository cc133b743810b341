"""One function over many items in several processes of this machine."""

import ctypes
import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache, partial
from typing import Any

from sharding.errors import DatasetError
from sharding.storage.memory import keep_freed_memory
from sharding.work.bounded import AHEAD, Result, bounded
from sharding.work.progress import Tick

POLL_S = 0.2
_PR_SET_PDEATHSIG = 1


class Processes:
    """Worker processes, which stay for the next function: starting them takes a third of a second."""

    def __init__(self, workers: int) -> None:
        # Started anew, not forked: a fork copies locks that other threads hold, and the lock on the journal.
        context = multiprocessing.get_context("spawn")
        self._workers = workers
        self._counter = context.Value("q", 0)
        self._pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(self._counter,))

    def run(
        self, work: Callable[..., Result], shared: Any, items: Iterable[Any], *, tick: Tick
    ) -> Generator[Result, None, None]:
        """See `Crew.run`. When it ends or is closed, no process is at work any more."""
        job = pickle.dumps((work, shared))
        wait_some = partial(_wait_some, tell=_telling(self._counter, tick))
        pending: set[Future] = set()

        def start(item: Any) -> Future:
            future = self._pool.submit(_do, job, item)
            pending.add(future)
            return future

        try:
            for future in bounded(items, start, wait_some, most=AHEAD * self._workers):
                pending.remove(future)
                yield future.result()
        except BrokenProcessPool as error:
            raise DatasetError(
                "A worker process ended without a word, as when the machine runs out of memory. What is finished is "
                "kept: the same command with fewer --workers goes on."
            ) from error
        finally:
            for future in pending:
                future.cancel()
            wait(pending)

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(cancel_futures=True)


def _telling(counter: Any, tick: Tick) -> Callable[[], None]:
    """Returns what tells `tick` how much more the workers have counted, each time that it is called."""
    told = counter.value

    def tell() -> None:
        nonlocal told
        now = counter.value
        if now > told:
            tick(now - told)
            told = now

    return tell


def _wait_some(waiting: set[Future], *, tell: Callable[[], None]) -> tuple[set[Future], set[Future]]:
    """The futures that are done, at least one, and the rest; what is counted meanwhile is told."""
    while True:
        done, rest = wait(waiting, timeout=POLL_S, return_when=FIRST_COMPLETED)
        tell()
        if done:
            return done, rest


_counter: list[Any] = []
"""In a worker, the one that all of them share."""


def _begin(counter: Any) -> None:
    """Begin a process. Ctrl-C is the parent's business, and a parent that was killed takes its workers along."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:
        os._exit(1)
    _counter.append(counter)
    keep_freed_memory()


def _do(job: bytes, item: Any) -> Any:
    work, shared = _unpickled(job)
    return work(shared, item, tick=_count)


_unpickled = lru_cache(maxsize=1)(pickle.loads)


def _count(number: int) -> None:
    for counter in _counter:
        with counter.get_lock():
            counter.value += number
