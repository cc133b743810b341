"""Which CPU cores each rank of this machine computes on: its own ones, so that ranks do not take turns."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_TOPOLOGY = Path("/sys/devices/system/cpu")


def cores_of_ranks(num_ranks: int) -> list[set[int]]:
    """The cores of each rank; empty sets if there are fewer cores than ranks."""
    return split_cores(sorted(os.sched_getaffinity(0), key=_place), num_ranks)


@contextmanager
def bound_to(cores: set[int]) -> Iterator[None]:
    """Processes that this thread starts meanwhile run on these cores alone; on all if there are none to choose."""
    before = os.sched_getaffinity(0)
    if cores:
        os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def split_cores(cores: Sequence[int], num_ranks: int) -> list[set[int]]:
    """Equal numbers of neighbours for each; those that are left over are nobody's."""
    each = len(cores) // num_ranks
    return [set(cores[rank * each : (rank + 1) * each]) for rank in range(num_ranks)]


def _place(core: int) -> tuple[int, int, int]:
    """Package, core, thread: two threads of one core go to one rank."""
    return _number(core, "physical_package_id"), _number(core, "core_id"), core


def _number(core: int, name: str) -> int:
    try:
        return int((_TOPOLOGY / f"cpu{core}" / "topology" / name).read_text())
    except (OSError, ValueError):  # not told by this kernel: in the order of their numbers
        return 0
