"""The garbage collector, which rests while modules are imported: what they make stays."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Within it nothing looks for cycles, which an import makes few of and would be searched for hundreds of times.

    Nests; a collector that was off before stays so.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
