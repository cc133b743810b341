"""How long ranks wait for each other: long until all of them are under way, then short, so that none hangs in silence.

A rank that is gone is noticed at once, by its closed connection. What a limit is for is one that is there and does not
answer: frozen, or on a machine that is cut off.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from torch.distributed import distributed_c10d

START_S = 600.0
"""While ranks start: imports, a first batch from afar, the first step's preparations."""

ALONE_S = 1800.0
"""While one rank may do what the others do not: saving, checksums, uploads, scores, pictures."""

NCCL_MORE_S = 60.0
"""NCCL's watchdog aborts a process without a word of Python: gloo's control group, asked each step, is to be first."""


class Patience:
    """How long each collective operation of this process waits, in all of its groups, gloo's and NCCL's."""

    def __init__(self, usual_s: float) -> None:
        self._usual_s = usual_s
        self._is_usual = False

    def shorten(self) -> None:
        """Wait no longer than usual from now on: all ranks are under way."""
        if not self._is_usual:
            self._is_usual = True
            wait_up_to(self._usual_s)

    @contextmanager
    def long(self) -> Iterator[None]:
        """Wait for as long as one rank may take for what the others do not do."""
        wait_up_to(ALONE_S)
        try:
            yield
        finally:
            wait_up_to(self._usual_s if self._is_usual else START_S)


def wait_up_to(seconds: float) -> None:
    """Bound each operation from now on, in every group that there is: torch's, our own, DeepSpeed's."""
    for group in list(distributed_c10d._world.pg_map):
        if isinstance(group, distributed_c10d.ProcessGroup):
            more_s = NCCL_MORE_S if "nccl" in distributed_c10d.get_backend(group) else 0.0
            group.set_timeout(timedelta(seconds=seconds + more_s))
