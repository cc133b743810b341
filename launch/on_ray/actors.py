"""Ranks as Ray actors in one placement group: those of a launch, and those of a trial of a sweep.

Ray Train is left out: its trainers inside Tune take 19 to 34 s for each trial, hang when cores are short, and give Tune
no checkpoint. On GPUs each rank gets one (not yet run on a GPU).
"""

import os
import signal
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import ray
from ray.actor import ActorProxy
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from trainer.ranks.threads import share_cores

_LOOK_S = 0.5


def end_with_raylet() -> None:
    """End this process within a second after Ray's own on this machine is gone, which started it.

    By itself an actor asks for Ray's head for a minute, and computes and writes meanwhile. See
    `trainer.loop.stop.end_with_launcher` for why the kernel's own notice would not do.
    """
    parent = os.getppid()
    threading.Thread(target=_watch, args=(parent,), name="raylet", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os.kill(os.getpid(), signal.SIGKILL)


class RankActor:
    """A process of Ray's for one rank; subclasses say what it does.

    Args:
        folder: what relative paths of configurations are relative to.
        num_threads: CPU cores of this rank.
    """

    def __init__(self, folder: Path, *, num_threads: int) -> None:
        os.chdir(folder)
        os.environ.pop("OMP_NUM_THREADS", None)  # Ray's own choice: the cores that it counts, which need not be whole
        share_cores(num_threads)


AnyRank = TypeVar("AnyRank", bound=RankActor)


def start_actor(
    kind: type[AnyRank],
    group: PlacementGroup,
    bundle: int,
    *,
    folder: Path,
    num_cpus: int,
    num_gpus: float,
    early: Mapping[str, str] = MappingProxyType({}),
) -> ActorProxy[AnyRank]:
    """A new process in one bundle of a placement group, all of which it gets.

    Args:
        folder: see `RankActor`.
        early: variables of the environment that its Python must start with.
    """
    strategy = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=bundle)
    options: dict[str, Any] = {"num_cpus": num_cpus, "num_gpus": num_gpus, "scheduling_strategy": strategy}
    if early:
        options["runtime_env"] = {"env_vars": dict(early)}
    return ray.remote(kind).options(**options).remote(folder, num_threads=num_cpus)


def kill_actors(ranks: Iterable[ActorProxy[Any]]) -> None:
    """End them at once."""
    for rank in ranks:
        ray.kill(rank)  # pyright: ignore[reportArgumentType]  any handle is right
