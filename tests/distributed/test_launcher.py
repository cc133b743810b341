"""The helper of the distributed tests reports what its ranks do, and leaves no process behind."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
import torch

from tests.distributed.launcher import RankError, parent_process, run_ranks
from trainer.ranks.world import World


def _sum_of_ranks(world: World, offset: int) -> tuple[int, float]:
    return world.rank, float(world.sum(torch.tensor(float(world.rank + offset))))


def _misbehave(world: World, how: str) -> None:
    if world.rank == 1:
        if how == "raise":
            raise ValueError("only rank 1 knows why")
        if how == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(600)
    world.barrier()


def test_each_rank_returns_its_result_and_they_communicate() -> None:
    assert run_ranks(_sum_of_ranks, 2, 10) == [(0, 21.0), (1, 21.0)]


@pytest.mark.parametrize(
    ("how", "timeout_s", "told"),
    [
        ("raise", 120, "ValueError: only rank 1 knows why"),
        ("die", 120, "rank 1: ended with exit code -9 and returned nothing"),
        ("hang", 5, "rank 1: did not return within 5 s"),
    ],
)
def test_a_failing_rank_is_told_and_all_are_ended(how: str, timeout_s: float, told: str) -> None:
    start = time.monotonic()
    with pytest.raises(RankError, match=told):
        run_ranks(_misbehave, 2, how, timeout_s=timeout_s)
    assert time.monotonic() - start < timeout_s + 15
    assert multiprocessing.active_children() == []


def test_ranks_are_forked_from_a_process_without_other_threads() -> None:
    """They would be missing in a rank, with whatever they held."""
    parents = run_ranks(_parent_of_rank, 1)
    assert parents == [parent_process()]
    assert len(list(Path(f"/proc/{parents[0]}/task").iterdir())) == 1


def _parent_of_rank(_world: World) -> int:
    return os.getppid()
