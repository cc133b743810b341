"""Ranks of this machine, joined by gloo, that a benchmark measures."""

import multiprocessing
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from trainer.ranks.rendezvous import STORE_VARIABLE, private_store


def on_ranks(function: Callable[..., Any], num: int, *arguments: Any) -> list[Any]:
    """Call `function(world, *arguments)` in `num` new processes of one thread each; the results by rank.

    The function must be importable; arguments and results travel by pickle.

    Raises:
        RuntimeError: a process failed; its own words are on standard error.
    """
    context = multiprocessing.get_context("spawn")
    with private_store() as store, TemporaryDirectory() as folder:
        results = [Path(folder) / str(rank) for rank in range(num)]
        ranks = [
            context.Process(target=_run, args=((rank, num, store), results[rank], function, arguments))
            for rank in range(num)
        ]
        for rank in ranks:
            rank.start()
        for rank in ranks:
            rank.join()
        failed = [number for number, rank in enumerate(ranks) if rank.exitcode]
        if failed:
            raise RuntimeError(f"of {num} ranks failed: {', '.join(map(str, failed))}")
        return [pickle.loads(result.read_bytes()) for result in results]


def _run(place: tuple[int, int, Path], result: Path, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    from trainer.engine.deepspeed_config import forget_world
    from trainer.ranks.world import close_world, init_world

    rank, num, store = place
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(num), STORE_VARIABLE: str(store)}
    torch.set_num_threads(1)
    value = function(init_world("cpu"), *arguments)
    result.write_bytes(pickle.dumps(value))
    forget_world()
    close_world()
