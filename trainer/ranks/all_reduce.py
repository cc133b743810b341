"""How fast the ranks of a run add up a vector, and whether they add it up right: asked before the first step."""

import time
from dataclasses import dataclass

import torch

from trainer.ranks.world import World

NUM_BYTES = 16 * 2**20
"""About the gradients of a small generator; large enough that the start of an operation does not count."""
_REPEATS = 3
_PERIOD = 251
"""A prime, so that values moved by any power of two are found."""


class WrongSumError(RuntimeError):
    """Ranks have added up, and the sum is wrong: a network card, a driver or memory is broken."""


@dataclass(frozen=True, kw_only=True)
class AllReduce:
    """One all-reduce, timed on this rank."""

    num_bytes: int
    num_ranks: int
    seconds: float

    @property
    def gigabytes_per_s(self) -> float:
        """Bus bandwidth as NCCL's tests state it: 2 (n - 1) / n times the bytes of a rank, by the time."""
        return 2 * (self.num_ranks - 1) / self.num_ranks * self.num_bytes / self.seconds / 1e9

    def __str__(self) -> str:
        size, milliseconds = f"{self.num_bytes / 2**20:.0f} MiB", f"{self.seconds * 1000:.1f} ms"
        return f"all-reduce over {self.num_ranks} ranks: {size} in {milliseconds}, {self.gigabytes_per_s:.2f} GB/s"


def time_all_reduce(world: World, *, num_bytes: int = NUM_BYTES) -> AllReduce:
    """The fastest of three, after one that opens the connections. All ranks call it; at least two.

    Args:
        num_bytes: that each rank brings, a multiple of 4.

    Raises:
        WrongSumError: on a rank whose sum is wrong.
    """
    pattern = torch.arange(num_bytes // 4, device=world.device) % _PERIOD
    mine = (pattern * (world.rank + 1)).float()  # sums stay below 2**24 for 360 ranks: exact in any order
    factor = world.size * (world.size + 1) // 2
    seconds: list[float] = []
    for _ in range(1 + _REPEATS):
        world.barrier()
        _wait(world)
        began = time.monotonic()
        total = world.sum(mine)
        _wait(world)
        seconds.append(time.monotonic() - began)
        _check(world, total, (pattern * factor).float())
    return AllReduce(num_bytes=num_bytes, num_ranks=world.size, seconds=min(seconds[1:]))


def _wait(world: World) -> None:
    if world.device.type == "cuda":
        torch.cuda.synchronize(world.device)


def _check(world: World, total: torch.Tensor, expected: torch.Tensor) -> None:
    wrong = int((~torch.isclose(total, expected, rtol=1e-6, atol=0)).sum())
    if wrong:
        raise WrongSumError(
            f"rank {world.rank} got {wrong} wrong values of {expected.numel()} from an all-reduce: test the network"
            " card and the memory of this host, or leave it out with --exclude."
        )
