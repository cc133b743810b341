"""One function over many items: in this process, in several, or on a Ray cluster.

Results come as they are ready, so nothing that is written may depend on their order. Only a bounded number of items is
under way, so memory does not grow with their number.
"""

import ctypes
import logging
import multiprocessing
import os
import signal
import socket
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from sharding.manifest import DatasetError

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


@dataclass(frozen=True, kw_only=True)
class Crew:
    """Who does the work."""

    workers: int = 1
    """Processes; 1 is this one."""
    ray: str | None = None
    """Address of a Ray cluster (`auto`: the one of this machine; `local`: a new one), whose machines all see the same
    files under the same names."""
    looking: Callback = unheard
    """Hears of inputs that are only looked at, before any is encoded."""

    def run(
        self, work: Callable[..., Result], shared: Any, items: Iterable[Any], *, tick: Tick, is_small: bool
    ) -> Iterator[Result]:
        """The results of `work(shared, item, tick=...)`, as they come.

        Args:
            work: a function of a module, which other processes can import.
            shared: equal for all items; sent to each process once.
            tick: hears how much more is done; the work calls its own as parts of an item are done.
            is_small: starting processes, which takes a second, would not pay.

        Raises:
            DatasetError: a process was killed, or the cluster cannot be reached.
        """
        if self.ray is not None:
            return _run_on_ray(work, shared, items, tick=tick, address=self.ray)
        if self.workers == 1 or is_small:
            return (work(shared, item, tick=tick) for item in items)
        return _run_in_processes(work, shared, items, tick=tick, workers=self.workers)


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


_work: Any = None
_shared: Any = None
_counter: Any = None


def _run_in_processes(
    work: Callable[..., Result], shared: Any, items: Iterable[Any], *, tick: Tick, workers: int
) -> Iterator[Result]:
    # Started anew, not forked: a fork copies locks that other threads hold, and the lock on the journal.
    context = multiprocessing.get_context("spawn")
    counter = context.Value("q", 0)
    told = 0

    def tell() -> None:
        nonlocal told
        now = counter.value
        if now > told:
            tick(now - told)
            told = now

    def wait_some(pending: set[Future]) -> tuple[set[Future], set[Future]]:
        while True:
            done, rest = wait(pending, timeout=POLL_S, return_when=FIRST_COMPLETED)
            tell()
            if done:
                return done, rest

    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(work, shared, counter))
    try:
        futures = _bounded(items, lambda item: pool.submit(_do, item), wait_some, most=AHEAD * workers)
        for future in futures:
            yield future.result()
    except BrokenProcessPool as error:
        raise DatasetError(
            "A worker process ended without a word, as when the machine runs out of memory. What is finished is kept: "
            "the same command with fewer --workers goes on."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(work: Any, shared: Any, counter: Any) -> None:
    """In each process, once. Ctrl-C is the parent's business, and a parent that was killed takes its workers along."""
    global _work, _shared, _counter
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:
        os._exit(1)
    _work, _shared, _counter = work, shared, counter


def _do(item: Any) -> Any:
    return _work(_shared, item, tick=_count)


def _count(number: int) -> None:
    with _counter.get_lock():
        _counter.value += number


def _run_on_ray(
    work: Callable[..., Result], shared: Any, items: Iterable[Any], *, tick: Tick, address: str
) -> Iterator[Result]:
    import ray
    from ray.exceptions import RayError

    was_running = ray.is_initialized()
    try:
        _knock(address)
        ray.init(address=address, ignore_reinit_error=True, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RayError) as error:
        raise DatasetError(
            f"--ray {address}: no Ray cluster answers ({error}). Start one with `ray start --head`, or use --ray local."
        ) from error
    try:
        most = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
        reference = ray.put(shared)
        task = ray.remote(num_cpus=1, max_retries=2)(_do_on_ray)

        def wait_some(pending: set) -> tuple[set, set]:
            done, rest = ray.wait(list(pending))
            return set(done), set(rest)

        with closing(_bounded(items, lambda item: task.remote(work, reference, item), wait_some, most=most)) as done:
            for one in done:
                ticks, result = ray.get(one)
                tick(ticks)
                yield result
    except RayError as error:
        raise DatasetError(f"--ray {address}: {error}. What is finished is kept: the same command goes on.") from error
    finally:
        if not was_running:
            ray.shutdown()


def _knock(address: str) -> None:
    """Raises OSError if nobody answers at `host:port`: Ray would go on trying for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=KNOCK_S).close()


def _do_on_ray(work: Any, shared: Any, item: Any) -> tuple[int, Any]:
    """The result, and how often it ticked: a task of Ray cannot call back."""
    ticks = 0

    def count(number: int) -> None:
        nonlocal ticks
        ticks += number

    result = work(shared, item, tick=count)
    return ticks, result
