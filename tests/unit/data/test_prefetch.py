"""Shards are fetched in the order in which they will be needed, and not too early."""

import threading
import time
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharding.errors import DatasetError
from trainer.data.order import Order
from trainer.data.prefetch import Prefetcher, first_uses

SIZES = [5, 3, 4, 6, 2, 5, 4, 3]


def make_order(sizes=SIZES, *, seed=3, window=2, shuffle=True):
    return Order(sizes, seed=seed, shuffle_window_shards=window, shuffle=shuffle)


def new_shards(order, start, stop, *, memory):
    return [shard for _, shard in first_uses(order, start, stop, memory=memory) if shard is not None]


@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=9),
    seed=st.integers(0, 99),
    window=st.integers(1, 4),
    start=st.integers(0, 60),
)
def test_each_shard_is_announced_at_its_first_use(sizes, seed, window, start):
    order, stop = make_order(sizes, seed=seed, window=window), start + 40
    memory = 2 * window
    last_seen: list[int] = []
    for position, shard in first_uses(make_order(sizes, seed=seed, window=window), start, stop, memory=memory):
        used = order.at(position).shard
        assert shard == (None if used in last_seen else used)
        last_seen = [used, *(other for other in last_seen if other != used)][:memory]


def test_the_stored_order_is_announced_shard_by_shard():
    assert new_shards(make_order(shuffle=False), 0, sum(SIZES), memory=2) == list(range(8))
    assert new_shards(make_order(shuffle=False), 6, 13, memory=2) == [1, 2, 3]


class Fetches:
    """What a prefetcher has asked for."""

    def __init__(self) -> None:
        self.shards: list[int] = []

    def __call__(self, shard: int, closing: threading.Event) -> None:
        self.shards.append(shard)

    def settle(self, num: int) -> list[int]:
        """Once `num` came; and no more came after a while."""
        until = time.monotonic() + 10
        while len(self.shards) < num and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.1)
        return sorted(self.shards)


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


@pytest.fixture
def fetches():
    return Fetches()


def test_the_next_shards_are_fetched_and_no_more(fetches):
    expected = new_shards(make_order(), 0, 3 * sum(SIZES), memory=4)
    prefetcher = Prefetcher(fetches, make_order(), start=0, stop=None, ahead=2)
    try:
        assert fetches.settle(3) == sorted(expected[:3])  # the first is in use from the beginning
        uses = [use for use in first_uses(make_order(), 0, 3 * sum(SIZES), memory=4) if use[1] is not None]
        for number in (3, 7, 12):
            prefetcher.advance(uses[number][0])
            assert fetches.settle(number + 3) == sorted(expected[: number + 3])
    finally:
        prefetcher.close()


def test_a_window_is_there_before_it_begins(fetches):
    """At the last sample of a window, all shards of the next one have been asked for."""
    window = 3
    order = make_order(window=window)
    in_order = list(dict.fromkeys(order.at(position).shard for position in range(sum(SIZES))))
    last = sum(SIZES[shard] for shard in in_order[:window]) - 1
    prefetcher = Prefetcher(fetches, make_order(window=window), start=0, stop=None, ahead=window)
    try:
        prefetcher.advance(last)
        assert set(in_order[window : 2 * window]) <= set(fetches.settle(2 * window))
    finally:
        prefetcher.close()


def test_an_evaluation_ends(fetches):
    prefetcher = Prefetcher(fetches, make_order(shuffle=False), start=6, stop=13, ahead=8)
    assert fetches.settle(3) == [1, 2, 3]
    prefetcher.close()


def test_a_small_set_is_fetched_once(fetches):
    prefetcher = Prefetcher(fetches, make_order([3, 2]), start=0, stop=None, ahead=8)
    for position in range(0, 50, 5):
        prefetcher.advance(position)
    assert fetches.settle(2) == [0, 1]
    prefetcher.close()


def test_a_failure_is_left_to_the_reader():
    seen = Fetches()

    def fail(shard, closing):
        seen(shard, closing)
        raise DatasetError("gone")

    prefetcher = Prefetcher(fail, make_order(), start=0, stop=None, ahead=3)
    assert len(seen.settle(4)) == 4
    prefetcher.close()


def test_closing_ends_all_threads():
    closed = threading.Event()

    def wait(shard, closing):
        closing.wait()
        closed.set()

    prefetcher = Prefetcher(wait, make_order(), start=0, stop=None, ahead=8)
    assert threads()
    prefetcher.close()
    assert closed.is_set()
    assert threads() == []


def test_what_was_fetched_before_is_fetched_again_in_the_next_epoch(fetches):
    """By then it may have left the cache; and where it has not, asking costs nothing."""
    announced = new_shards(make_order(), 0, 2 * sum(SIZES), memory=2)
    assert all(announced.count(shard) >= 2 for shard in range(len(SIZES)))
    assert list(islice(announced, 2)) != []
