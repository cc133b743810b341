"""Fetches the shards of a remote data set that the order needs next, while those before them are trained on."""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue

from sharding.errors import DatasetError
from sharding.reading.reader import ShardReader
from sharding.storage.download import StoppedError
from trainer.data.order import Order

_NUM_THREADS = 4
"""Files that one rank fetches at a time."""
_LOOK_S = 0.2
"""How often the plan looks where the training is, unless it is told."""
_CLOSE_S = 5.0
"""The longest that closing waits; a connection that gives no byte ends later, by its own time limit."""

_log = logging.getLogger(__name__)

Fetch = Callable[[int, threading.Event], None]
"""Number of a shard, and what ends the call early -> nothing, once the shard is on this machine."""


def open_prefetcher(
    reader: ShardReader, make_order: Callable[[], Order], *, start: int, stop: int | None, ahead: int
) -> "Prefetcher | None":
    """The prefetcher of a reader; None where its files are on this machine anyway."""
    if not reader.is_remote:
        return None
    return Prefetcher(reader.prefetch, make_order(), start=start, stop=stop, ahead=ahead)


def first_uses(order: Order, start: int, stop: int | None, *, memory: int) -> Iterator[tuple[int, int | None]]:
    """The shard at each position from `start` (up to `stop`) if it is none of the last `memory` ones, else None."""
    recent: OrderedDict[int, None] = OrderedDict()
    position = start
    while stop is None or position < stop:
        shard = order.at(position).shard
        is_new = shard not in recent
        recent[shard] = None
        recent.move_to_end(shard)
        if len(recent) > memory:
            recent.popitem(last=False)
        yield position, shard if is_new else None
        position += 1


class Prefetcher:
    """Threads that stay `ahead` shards in front of the training.

    What they fail to fetch is left to the reader, which tries again and then says what is wrong.

    Args:
        fetch: called from several threads.
        order: of nobody else, since it is asked by a thread.
        start: position that the training begins at.
        stop: position that it ends before; None: never.
        ahead: shards that are not in use yet.
    """

    def __init__(self, fetch: Fetch, order: Order, *, start: int, stop: int | None, ahead: int) -> None:
        self._fetch = fetch
        self._order = order
        self._position = start
        self._stop = stop
        self._ahead = ahead
        self._closing = threading.Event()
        self._moved = threading.Event()
        self._queue: SimpleQueue[int | None] = SimpleQueue()
        tasks = [self._plan] + [self._work] * _NUM_THREADS
        # Daemons: a process that ends does not wait for a connection that stalls.
        self._threads = [threading.Thread(target=task, name="prefetch", daemon=True) for task in tasks]
        for thread in self._threads:
            thread.start()

    def advance(self, position: int) -> None:
        """The training has come to a position."""
        self._position = position
        self._moved.set()

    def close(self) -> None:
        """End all threads."""
        self._closing.set()
        self._moved.set()
        for _ in range(_NUM_THREADS):
            self._queue.put(None)
        give_up = time.monotonic() + _CLOSE_S
        for thread in self._threads:
            thread.join(timeout=max(0.0, give_up - time.monotonic()))

    def _plan(self) -> None:
        waiting: deque[int] = deque()  # positions at which shards will be used that were asked for
        for position, shard in first_uses(self._order, self._position, self._stop, memory=2 * self._ahead):
            while not self._closing.is_set():
                while waiting and waiting[0] <= self._position:
                    waiting.popleft()
                # Within one epoch: a set of few shards has no more that are new.
                if len(waiting) < self._ahead and position < self._position + self._order.num_samples:
                    break
                self._moved.wait(_LOOK_S)
                self._moved.clear()
            if self._closing.is_set():
                return
            if shard is not None:
                waiting.append(position)
                self._queue.put(shard)

    def _work(self) -> None:
        while (shard := self._queue.get()) is not None and not self._closing.is_set():
            try:
                self._fetch(shard, self._closing)
            except StoppedError:
                return
            except DatasetError as error:
                _log.info("not fetched ahead of time: %s", error)
