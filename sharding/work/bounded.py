"""Work on many items, of which only a bounded number is under way, so that memory does not grow with their number."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2
"""Items under way for each worker: one in work, one waiting."""


def bounded(
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
