"""One function over many items: in this process, in several, or on a Ray cluster.

Results come as they are ready, so nothing that is written may depend on their order. Only a bounded number of items is
under way, so memory does not grow with their number.
"""

import ctypes
import logging
import multiprocessing
import os
import pickle
import signal
import socket
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any, Self, TypeVar

from sharding.errors import DatasetError
from sharding.storage.memory import keep_freed_memory
from sharding.work.local_ray import local_ray

Item = TypeVar("Item")
Result = TypeVar("Result")

Tick = Callable[[int], None]
"""Hears how much more of the work is done."""

AHEAD = 2
"""Items under way for each worker: one in work, one waiting."""
POLL_S = 0.2
KNOCK_S = 5.0
_PR_SET_PDEATHSIG = 1


Callback = Callable[[int, int], None]
"""Hears how much is done, and of how much."""


def adding(progress: Callback, *, total: int) -> Tick:
    """Turns how much more is done into how much is done in all."""
    done = 0

    def tick(number: int) -> None:
        nonlocal done
        done += number
        progress(done, total)

    return tick


def unheard(done: int, total: int) -> None:
    """Nobody is to hear of it."""


def _bounded(
    items: Iterable[Item], start: Callable[[Item], Any], wait_some: Callable[[set], tuple[set, set]], *, most: int
) -> Generator[Any, None, None]:
    """Keep `most` items started; yield each that is done."""
    queue = iter(items)
    pending = {start(item) for item in islice(queue, most)}
    while pending:
        done, pending = wait_some(pending)
        yield from done
        pending |= {start(item) for item in islice(queue, most - len(pending))}


def map_in_order(function: Callable[[Item], Result], items: Iterable[Item], *, workers: int) -> Iterator[Result]:
    """`map` on `workers` threads. `Executor.map` would start on all items at once and keep every result."""
    queue = iter(items)
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            pending.extend(pool.submit(function, item) for item in islice(queue, 4 * workers))
            while pending:
                yield pending.popleft().result()
                pending.extend(pool.submit(function, item) for item in islice(queue, 1))
        finally:
            for future in pending:
                future.cancel()


class _Processes:
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
        """As `Crew.run`. When it ends or is closed, no process is at work any more."""
        job = pickle.dumps((work, shared))
        told = self._counter.value
        pending: set[Future] = set()

        def start(item: Any) -> Future:
            future = self._pool.submit(_do, job, item)
            pending.add(future)
            return future

        def wait_some(waiting: set[Future]) -> tuple[set[Future], set[Future]]:
            nonlocal told
            while True:
                done, rest = wait(waiting, timeout=POLL_S, return_when=FIRST_COMPLETED)
                now = self._counter.value
                if now > told:
                    tick(now - told)
                    told = now
                if done:
                    return done, rest

        try:
            for future in _bounded(items, start, wait_some, most=AHEAD * self._workers):
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


_counter: list[Any] = []
"""In a worker, the one that all of them share."""


def _begin(counter: Any) -> None:
    """In each process, once. Ctrl-C is the parent's business, and a parent that was killed takes its workers along."""
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


class _Cluster:
    """A Ray cluster, with which the connection stays for the next function.

    Raises:
        DatasetError: none can be reached.
    """

    def __init__(self, address: str) -> None:
        import ray
        from ray.exceptions import RayError

        self._address = address
        self._connection = ExitStack()
        if ray.is_initialized():
            return
        try:
            if address == "local":
                self._connection.enter_context(local_ray())
            else:
                _knock(address)
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
                self._connection.callback(ray.shutdown)
        except (OSError, ValueError, RayError) as error:
            raise DatasetError(
                f"--ray {address}: no Ray cluster answers ({error}). Start one with `ray start --head`, or use --ray "
                "local."
            ) from error

    def run(
        self, work: Callable[..., Result], shared: Any, items: Iterable[Any], *, tick: Tick
    ) -> Generator[Result, None, None]:
        """As `Crew.run`."""
        import ray
        from ray.exceptions import RayError

        try:
            most = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
            reference = ray.put(shared)
            task = ray.remote(num_cpus=1, max_retries=2)(_do_on_ray)

            def wait_some(pending: set) -> tuple[set, set]:
                done, rest = ray.wait(list(pending))
                return set(done), set(rest)

            with closing(
                _bounded(items, lambda item: task.remote(work, reference, item), wait_some, most=most)
            ) as done:
                for one in done:
                    ticks, result = ray.get(one)
                    tick(ticks)
                    yield result
        except RayError as error:
            raise DatasetError(
                f"--ray {self._address}: {error}. What is finished is kept: the same command goes on."
            ) from error

    def close(self) -> None:
        """End the connection, if it was made here."""
        self._connection.close()


def _knock(address: str) -> None:
    """Raises OSError if nobody answers at `host:port`: Ray would go on trying for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=KNOCK_S).close()


def _do_on_ray(work: Any, shared: Any, item: Any) -> tuple[int, Any]:
    """The result, and how often it ticked: a task of Ray cannot call back."""
    keep_freed_memory()
    ticks = 0

    def count(number: int) -> None:
        nonlocal ticks
        ticks += number

    result = work(shared, item, tick=count)
    return ticks, result


@dataclass(kw_only=True)
class Crew:
    """Who does the work. To be closed when all is done."""

    workers: int = 1
    """Processes; 1 is this one."""
    ray: str | None = None
    """Address of a Ray cluster (`auto`: the one of this machine; `local`: a new one), whose machines all see the same
    files under the same names."""
    looking: Callback = unheard
    """Hears of inputs that are only looked at, before any is encoded."""
    _team: _Processes | _Cluster | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._team is not None:
            self._team.close()

    def run(
        self, work: Callable[..., Result], shared: Any, items: Iterable[Any], *, tick: Tick, is_small: bool
    ) -> Generator[Result, None, None]:
        """The results of `work(shared, item, tick=...)`, as they come.

        Args:
            work: a function of a module, which other processes can import.
            shared: equal for all items; sent with each, so a large thing should be a file.
            tick: hears how much more is done; the work calls its own as parts of an item are done.
            is_small: starting processes, which takes a second, would not pay.

        Raises:
            DatasetError: a process was killed, or the cluster cannot be reached.
        """
        if self.ray is None and (self.workers == 1 or is_small):
            return (work(shared, item, tick=tick) for item in items)
        if self._team is None:
            self._team = _Processes(self.workers) if self.ray is None else _Cluster(self.ray)
        return self._team.run(work, shared, items, tick=tick)
