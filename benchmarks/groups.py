"""Groups of ranks that take turns: while one trains, the others sleep, so all meet the same state of the machine."""

import multiprocessing
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.connection import Connection
from types import TracebackType
from unittest.mock import patch

from trainer.ranks.rendezvous import STORE_VARIABLE, private_store
from trainer.ranks.world import World, init_world

Step = Callable[[], object]
MakeSteps = Callable[[World], dict[str, Step]]
"""Called once on each rank: the variants that it can step, by name. Must be importable."""


class Group:
    """Ranks on the CPU that wait to be told what to step, and how often.

    Args:
        make: see `MakeSteps`.
        num_ranks: processes.
        num_threads: of each.
    """

    def __init__(self, make: MakeSteps, *, num_ranks: int, num_threads: int) -> None:
        self._make = make
        self._num_ranks = num_ranks
        self._num_threads = num_threads
        self._stack = ExitStack()
        self._pipes: list[Connection] = []

    def __enter__(self) -> "Group":
        store = self._stack.enter_context(private_store())
        spawn = multiprocessing.get_context("spawn")
        for rank in range(self._num_ranks):
            ours, theirs = spawn.Pipe()
            environment = {
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": str(self._num_ranks),
                STORE_VARIABLE: str(store),
                "OMP_NUM_THREADS": str(self._num_threads),
                "OMP_WAIT_POLICY": "PASSIVE",
            }
            process = spawn.Process(target=_serve, args=(self._make, theirs), daemon=True)
            with patch.dict(os.environ, environment):
                process.start()
            theirs.close()
            self._stack.callback(process.join)
            self._stack.callback(process.terminate)
            self._pipes.append(ours)
        for pipe in self._pipes:
            pipe.recv()  # it has made its variants
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def time(self, variant: str, num_steps: int) -> float:
        """Seconds of a step, until the last rank is done."""
        began = time.perf_counter()
        for pipe in self._pipes:
            pipe.send((variant, num_steps))
        for pipe in self._pipes:
            pipe.recv()
        return (time.perf_counter() - began) / num_steps


def _serve(make: MakeSteps, pipe: Connection) -> None:
    world = init_world("cpu")
    steps = make(world)
    pipe.send(None)
    while True:
        variant, num_steps = pipe.recv()
        for _ in range(num_steps):
            steps[variant]()
        pipe.send(None)
