"""Options of `--ray`."""

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from trainer.config.bounds import AtLeast


@dataclass(frozen=True, kw_only=True)
class RayOptions:
    """Which Ray cluster, and what each rank gets of it."""

    ray: Annotated[str, tyro.conf.arg(metavar="auto|HOST:PORT")] = ""
    """Train on a Ray cluster: the one that this machine is part of (auto), or the one at an address."""
    cpus_per_rank: Annotated[int, AtLeast(0, "use 1 or more; 0 is as many as there are for each.")] = 0
    """CPUs that Ray reserves for each rank, and that it computes on; 0 is an even share of the machines' CPUs."""
    ray_strategy: Literal["pack", "spread", "strict-spread"] = "pack"
    """How Ray places the ranks: on as few machines as can be, on many, or each on its own."""
    ray_wait_s: Annotated[int, AtLeast(1, "use 1 or more.")] = 300
    """How long to wait for what the ranks need: for other jobs to end, or machines to be added."""
