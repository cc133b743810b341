"""One function over many items: the same results from one process and from several, and what happens when one dies."""

import os
import signal

import pytest

from sharding.manifest import DatasetError
from sharding.parallel import Crew


def double(shared: int, item: int, *, tick) -> int:
    tick(1)
    return shared * item


def die(shared: None, item: int, *, tick) -> int:
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


@pytest.mark.parametrize("crew", [Crew(workers=1), Crew(workers=2)])
def test_every_item_is_done_once_and_told_of(crew: Crew) -> None:
    ticks: list[int] = []
    results = crew.run(double, 2, iter(range(40)), tick=ticks.append, is_small=False)
    assert sorted(results) == list(range(0, 80, 2))
    assert sum(ticks) == 40


def test_a_killed_process_is_told_of() -> None:
    with pytest.raises(DatasetError, match="fewer --workers"):
        list(Crew(workers=2).run(die, None, range(9), tick=lambda _: None, is_small=False))


def test_only_a_few_items_are_taken_ahead() -> None:
    taken: list[int] = []

    def items():
        for item in range(1000):
            taken.append(item)
            yield item

    results = Crew(workers=2).run(double, 1, items(), tick=lambda _: None, is_small=False)
    next(results)
    assert len(taken) <= 8
    results.close()


def test_a_cluster_that_is_not_there_is_named() -> None:
    with pytest.raises(DatasetError, match=r"--ray 127\.0\.0\.1:1: no Ray cluster answers"):
        list(Crew(ray="127.0.0.1:1").run(double, 3, range(20), tick=lambda _: None, is_small=True))
