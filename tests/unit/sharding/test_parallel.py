"""One function over many items: the same results from one process and from several, and what happens when one dies."""

import os
import signal
import time
from pathlib import Path

import pytest

from sharding.errors import DatasetError
from sharding.work.crew import Crew


def double(shared: int, item: int, *, tick) -> int:
    tick(1)
    return shared * item


def process(shared: Path, item: int, *, tick) -> int:
    """Its number, once two processes are at work: how quickly each starts decides nothing."""
    tick(1)
    (shared / str(os.getpid())).touch()
    until = time.monotonic() + 30
    while len(list(shared.iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    return os.getpid()


def write_slowly(shared: Path, item: int, *, tick) -> int:
    time.sleep(0.2)
    (shared / str(item)).touch()
    return item


def die(shared: None, item: int, *, tick) -> int:
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


@pytest.mark.parametrize("crew", [Crew(workers=1), Crew(workers=2)])
def test_every_item_is_done_once_and_told_of(crew: Crew) -> None:
    ticks: list[int] = []
    with crew:
        results = crew.run(double, 2, iter(range(40)), tick=ticks.append, is_small=False)
        assert sorted(results) == list(range(0, 80, 2))
        assert sum(ticks) == 40


def test_processes_stay_for_the_next_function(tmp_path) -> None:
    ticks: list[int] = []
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    with Crew(workers=2) as crew:
        first = set(crew.run(process, folders[0], range(40), tick=lambda _: None, is_small=False))
        second = set(crew.run(process, folders[1], range(40), tick=ticks.append, is_small=False))
        tripled = crew.run(double, 3, range(4), tick=lambda _: None, is_small=False)
        assert sorted(tripled) == [0, 3, 6, 9]
    assert os.getpid() not in first
    assert len(first) == 2
    assert second == first
    assert sum(ticks) == 40


def test_nothing_is_at_work_once_the_results_are_closed(tmp_path) -> None:
    with Crew(workers=2) as crew:
        results = crew.run(write_slowly, tmp_path, range(10), tick=lambda _: None, is_small=False)
        next(results)
        results.close()
        written = sorted(tmp_path.iterdir())
        assert len(written) < 10
        time.sleep(0.5)
        assert sorted(tmp_path.iterdir()) == written


def test_a_killed_process_is_told_of() -> None:
    with Crew(workers=2) as crew, pytest.raises(DatasetError, match="fewer --workers"):
        list(crew.run(die, None, range(9), tick=lambda _: None, is_small=False))


def test_only_a_few_items_are_taken_ahead() -> None:
    taken: list[int] = []

    def items():
        for item in range(1000):
            taken.append(item)
            yield item

    with Crew(workers=2) as crew:
        results = crew.run(double, 1, items(), tick=lambda _: None, is_small=False)
        next(results)
        assert len(taken) <= 8
        results.close()


def test_a_cluster_that_is_not_there_is_named() -> None:
    with pytest.raises(DatasetError, match=r"--ray 127\.0\.0\.1:1: no Ray cluster answers"):
        list(Crew(ray="127.0.0.1:1").run(double, 3, range(20), tick=lambda _: None, is_small=True))
