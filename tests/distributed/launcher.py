"""Start real ranks from a test and get back what each of them returns."""

import faulthandler
import multiprocessing
import os
import pickle
import time
import traceback
from collections.abc import Callable
from functools import cache
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from trainer.ranks.rendezvous import STORE_VARIABLE, private_store

IMPORTED = ["trainer.loop.setup", "trainer.engine.engine", "deepspeed", "torch._dynamo"]
"""Slow imports, of which none may start a thread: it would be missing in a rank."""

GRACE_S = 2.0
"""After one rank has failed, the others have this long to say why they failed too."""


class RankError(AssertionError):
    """A rank raised, died or hung; the message holds each rank's traceback or fate."""


class _Rank(NamedTuple):
    process: BaseProcess
    results: Connection


class _Job(NamedTuple):
    """What a rank does."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    timeout_s: float
    environment: dict[str, str]
    """All of its variables: a rank is born with those that its parent had long ago."""


class _Failure(NamedTuple):
    """What a rank sends in place of a result."""

    report: str


def run_ranks(function: Callable[..., Any], world_size: int, *args: Any, timeout_s: float = 120.0) -> list[Any]:
    """Call `function(world, *args)` in `world_size` new CPU processes joined by gloo; the results by rank.

    They are forked from a process that has imported what ranks need, which takes five seconds of each that is begun
    anew. The function must be importable (defined at the top of its module); arguments and results travel by pickle.

    Raises:
        RankError: a rank raised, died, or had not returned after `timeout_s`. No process outlives the call.
    """
    ranks: list[_Rank] = []
    with private_store() as store:
        try:
            for rank in range(world_size):
                environment = os.environ | _environment(rank, world_size, store=store)
                ranks.append(_start(_Job(function, args, timeout_s, environment)))
            return _collect(ranks, deadline=time.monotonic() + timeout_s, timeout_s=timeout_s)
        finally:
            for rank in ranks:
                rank.process.kill()
                rank.process.join()


def _environment(rank: int, world_size: int, *, store: Path) -> dict[str, str]:
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world_size),
        STORE_VARIABLE: str(store),
        "DS_ACCELERATOR": "cpu",
        "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // world_size)),
    }


def _start(job: _Job) -> _Rank:
    here, there = multiprocessing.Pipe(duplex=False)
    process = parent_context().Process(target=_run, args=(job, there), daemon=True)
    process.start()
    there.close()  # so that a rank's death closes the pipe
    return _Rank(process, here)


def parent_process() -> int:
    """Its number."""
    parent_context()
    pid = getattr(forkserver._forkserver, "_forkserver_pid")  # noqa: B009, private
    assert isinstance(pid, int)
    return pid


@cache
def parent_context() -> ForkServerContext:
    """What forks ranks from a process without threads that has imported what they need."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    with patch.dict(os.environ, {"DS_ACCELERATOR": "cpu", "PYTHONPATH": path}):
        forkserver.ensure_running()
    return context


def _run(job: _Job, results: Connection) -> None:
    """The life of a rank."""
    import torch

    from trainer.ranks.world import close_world, init_world

    os.environ.clear()
    os.environ.update(job.environment)
    torch.set_num_threads(int(job.environment["OMP_NUM_THREADS"]))
    faulthandler.dump_traceback_later(max(1.0, job.timeout_s - GRACE_S))  # where it hangs
    try:
        world = init_world("cpu")
        result = job.function(world, *job.args)
        world.barrier()
        close_world()
    except BaseException:
        result = _Failure(traceback.format_exc())
    # Not `send`: torch's way for tensors passes a handle, which is gone when this process is.
    results.send_bytes(pickle.dumps(result))


def _collect(ranks: list[_Rank], *, deadline: float, timeout_s: float) -> list[Any]:
    received: dict[int, Any] = {}
    pipes = {rank.results: number for number, rank in enumerate(ranks)}
    failed = False
    while pipes and (seconds := deadline - time.monotonic()) > 0:
        for pipe in wait(list(pipes), timeout=seconds):
            assert isinstance(pipe, Connection)
            number = pipes.pop(pipe)
            received[number] = _receive(pipe, ranks[number].process)
            if isinstance(received[number], _Failure) and not failed:
                failed, deadline = True, time.monotonic() + GRACE_S
    missing = "stopped after another's failure" if failed else f"did not return within {timeout_s} s"
    outcomes = [received.get(number, _Failure(missing)) for number in range(len(ranks))]
    if any(isinstance(outcome, _Failure) for outcome in outcomes):
        reports = (f"rank {n}: {o.report if isinstance(o, _Failure) else 'returned'}" for n, o in enumerate(outcomes))
        raise RankError("\n".join(reports))
    return outcomes


def _receive(pipe: Connection, process: BaseProcess) -> Any:
    try:
        return pickle.loads(pipe.recv_bytes())
    except EOFError:
        process.join(GRACE_S)
        return _Failure(f"ended with exit code {process.exitcode} and returned nothing")
