"""Ranks that add up a vector say how fast, and notice a wrong sum."""

import pytest
import torch

from tests.distributed.launcher import run_ranks
from trainer.ranks.all_reduce import AllReduce, WrongSumError, time_all_reduce
from trainer.ranks.world import World


class _Broken(World):
    def sum(self, values: torch.Tensor) -> torch.Tensor:
        total = super().sum(values)
        total[1234] += 1  # one bit of one word
        return total


def _measure(world: World) -> tuple[AllReduce, bool]:
    measured = time_all_reduce(world, num_bytes=2**20)
    broken = _Broken(**{name: getattr(world, name) for name in World.__dataclass_fields__})
    try:
        time_all_reduce(broken, num_bytes=2**20)
    except WrongSumError as error:
        return measured, "got 1 wrong values" in str(error)
    return measured, False


@pytest.fixture(scope="module")
def measured() -> list[tuple[AllReduce, bool]]:
    return run_ranks(_measure, 2)


def test_the_bytes_of_a_rank_are_timed(measured: list[tuple[AllReduce, bool]]) -> None:
    for found, _ in measured:
        assert found.num_bytes == 2**20
        assert found.num_ranks == 2
        assert found.gigabytes_per_s == pytest.approx(2**20 / found.seconds / 1e9)
        assert "all-reduce over 2 ranks: 1 MiB in " in str(found)


def test_a_wrong_sum_is_noticed_on_the_rank_that_has_it(measured: list[tuple[AllReduce, bool]]) -> None:
    assert all(noticed for _, noticed in measured)
