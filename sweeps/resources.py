"""What each trial of a sweep may use of the machine. Imports neither ray nor torch."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from trainer.config.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What one rank has, and how many trials run at once."""

    cpus_per_rank: Annotated[int, Field(ge=1)]
    gpus_per_rank: Annotated[int, Field(ge=0, le=1)]
    max_concurrent: Annotated[int, Field(ge=1)]


def plan_resources(
    *,
    num_trials: int,
    ranks_per_trial: int,
    cpus_per_rank: int,
    max_concurrent: int,
    num_cores: int,
    num_gpus: int,
) -> Resources:
    """Run as many trials at once as fit, and share the cores out evenly among their ranks.

    Args:
        cpus_per_rank: 0 to share out.
        max_concurrent: 0 for as many as fit.
        num_gpus: one for each rank; 0 to train on the CPU.

    Raises:
        ConfigError: not even one trial fits.
    """
    cpus = max(1, cpus_per_rank)
    if ranks_per_trial * cpus > num_cores:
        name, asked = ("cpus_per_rank", cpus) if cpus > 1 else ("ranks_per_trial", ranks_per_trial)
        raise ConfigError(
            name, asked, f"a trial would need {ranks_per_trial * cpus} CPU cores, and this machine has {num_cores}."
        )
    if 0 < num_gpus < ranks_per_trial:
        raise ConfigError("ranks_per_trial", ranks_per_trial, f"this machine has {num_gpus} GPUs, one for each rank.")
    room = (num_gpus if num_gpus else num_cores // cpus) // ranks_per_trial
    room = min(room, num_cores // (cpus * ranks_per_trial), num_trials, max_concurrent or num_trials)
    return Resources(
        cpus_per_rank=cpus_per_rank or num_cores // (room * ranks_per_trial),
        gpus_per_rank=1 if num_gpus else 0,
        max_concurrent=room,
    )
