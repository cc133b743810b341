"""Where trials run, and what there is. Imports ray only where a cluster is asked."""

from collections.abc import Sequence
from typing import Annotated

import tyro

from launch.machine.devices import count_cores, count_gpus
from launch.on_ray.plan import Node, check_address
from trainer.runs.config import RunConfig

LOCAL = "local"
"""A Ray of the sweep's own on this machine, which nobody else reaches."""

Cluster = Annotated[str, tyro.conf.arg(metavar="local|auto|HOST:PORT")]


def find_machines(ray: str, config: RunConfig) -> Sequence[Node]:
    """Cores and GPUs of this machine or, each for itself, of those of a Ray cluster; no GPUs if none are to be used.

    Raises:
        ConfigError: the configuration needs a GPU and there is none, or no cluster answers.
    """
    if ray == LOCAL:
        found = [Node(cpus=count_cores(), gpus=count_gpus())]
    else:
        check_address(ray)
        from sweeps.tune.cluster import ask_machines

        found = ask_machines(ray)
    config.check_hardware(int(sum(node.gpus for node in found)))
    return [Node(cpus=node.cpus) for node in found] if config.engine.device == "cpu" else found
