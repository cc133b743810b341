"""What each trial of a sweep may use of the machine. Imports neither ray nor torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Annotated, Any

from launch.on_ray.plan import Node, describe_nodes
from sharding.console import counted
from sharding.storage.typed import Limits
from trainer.config.errors import ConfigError

_ROUNDING = 1e-6
"""1 / (1 / 3) may be a little less than 3."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What one rank has, and how many trials run at once."""

    cpus_per_rank: Annotated[int, Limits(ge=1)]
    gpus_per_rank: Annotated[float, Limits(ge=0, le=1)]
    """Less than 1: trials of one rank share a GPU."""
    max_concurrent: Annotated[int, Limits(ge=1)]

    def num_gpus(self, num_ranks: int) -> int:
        """Whole GPUs for so many ranks."""
        return ceil(num_ranks / _sharers(self.gpus_per_rank)) if self.gpus_per_rank else 0


def plan_resources(
    machines: Sequence[Node],
    *,
    num_trials: int,
    ranks_per_trial: int,
    cpus_per_rank: int,
    gpus_per_rank: float = 1.0,
    max_concurrent: int,
) -> Resources:
    """Run as many trials at once as fit, and share the cores out evenly among their ranks.

    All ranks of a trial are on one machine. Trials never wait for each other: each has all that it needs, or nothing.

    Args:
        machines: those of a Ray cluster, or this one alone; without GPUs to train on CPUs.
        cpus_per_rank: 0 to share out.
        gpus_per_rank: where there are any.
        max_concurrent: 0 for as many as fit; more than that is no error, since a sweep may go on with less.

    Raises:
        ConfigError: not even one trial fits, or its ranks would share a GPU.
    """
    gpus = gpus_per_rank if any(machine.gpus >= 1 for machine in machines) else 0.0
    if 0 < gpus < 1 < ranks_per_trial:
        remedy = "ranks of one trial cannot share a GPU, which NCCL refuses: use 1, or 1 rank per trial."
        raise ConfigError("gpus_per_rank", gpus_per_rank, remedy)
    cpus = max(1, cpus_per_rank)
    room = _room(machines, ranks=ranks_per_trial, cpus=cpus, gpus=gpus)
    if room == 0:
        raise _too_large(machines, ranks=ranks_per_trial, cpus=cpus, gpus=gpus)
    room = min(room, num_trials, max_concurrent or num_trials)
    while not cpus_per_rank and _room(machines, ranks=ranks_per_trial, cpus=cpus + 1, gpus=gpus) >= room:
        cpus += 1
    return Resources(cpus_per_rank=cpus, gpus_per_rank=gpus, max_concurrent=room)


def plan_new(machines: Sequence[Node], *, num_trials: int, max_concurrent: int, **settings: Any) -> Resources:
    """`plan_resources` for a new sweep. Raises ConfigError besides if more trials at once are asked for than fit."""
    resources = plan_resources(machines, num_trials=num_trials, max_concurrent=max_concurrent, **settings)
    room = resources.max_concurrent
    if min(max_concurrent, num_trials) > room:
        raise ConfigError("max_concurrent", max_concurrent, f"there is room for {room}; 0 takes what there is.")
    return resources


def _room(machines: Sequence[Node], *, ranks: int, cpus: int, gpus: float) -> int:
    """How many trials fit. Ray lets a rank have no parts of several GPUs."""
    by_cpus = (int(machine.cpus) // (ranks * cpus) for machine in machines)
    if not gpus:
        return sum(by_cpus)
    by_gpus = (int(machine.gpus) * _sharers(gpus) // ranks for machine in machines)
    return sum(map(min, by_cpus, by_gpus))


def _sharers(gpus: float) -> int:
    """Ranks that one GPU has room for."""
    return int(1 / gpus + _ROUNDING)


def _too_large(machines: Sequence[Node], *, ranks: int, cpus: int, gpus: float) -> ConfigError:
    where = "this machine has" if len(machines) == 1 else "no machine has that of"
    if any(machine.cpus >= ranks * cpus for machine in machines) and gpus:
        reason = f"one GPU for each rank, on one machine, and {where} {describe_nodes(machines)}."
        return ConfigError("ranks_per_trial", ranks, reason)
    name, asked = ("cpus_per_rank", cpus) if cpus > 1 else ("ranks_per_trial", ranks)
    reason = f"a trial would need {counted(ranks * cpus, 'CPU core')} on one machine, and {where} "
    return ConfigError(name, asked, f"{reason}{describe_nodes(machines)}.")
