"""`--emit`: prints a manifest that has a cluster train the run, and starts nothing itself."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

from launch.arguments import without_flags
from launch.emit.job import ClusterJob, manifest_name, to_yaml
from launch.emit.rayjob import ray_job
from launch.emit.trainjob import train_job
from launch.hosts.num_procs import CORES_PER_RANK
from launch.ways.way import Request, Step, Way
from trainer.config.errors import ConfigError, require

_MAKERS: Mapping[str, Callable[[ClusterJob], dict[str, Any]]] = {"rayjob": ray_job, "trainjob": train_job}
_OWN_FLAGS = {
    "--emit": 1,
    "--image": 1,
    "--secret": 1,
    "--claim": 1,
    "--nodes": 1,
    "--num-procs": 1,
    "--cpus-per-rank": 1,
    "--env": 1,
    "--dry-run": 0,
}
"""What the manifest says in its own words, and how many words follow."""


def cluster_job(request: Request) -> ClusterJob:
    """What the manifest is made from.

    Raises:
        ConfigError: no image, or ranks that do not go evenly over the nodes.
    """
    machines, use_gpus = request.machines, request.config.engine.device != "cpu"
    options, asked = machines.manifest, machines.num_procs
    require(bool(options.image), "image", options.image, "name a container image in which Diptych is installed.")
    require(machines.nodes > 0, "nodes", machines.nodes, "say how many machines of the cluster train.")
    if asked.is_range or asked.most == 0 or asked.most % machines.nodes:
        remedy = f"use one number that is a multiple of the {machines.nodes} nodes: every node gets as many."
        raise ConfigError("num_procs", str(asked) if asked.is_range else asked.most, remedy)
    return ClusterJob(
        name=manifest_name(request.run.name),
        image=options.image,
        verb=request.command,
        words=without_flags(request.words, _OWN_FLAGS),
        num_nodes=machines.nodes,
        ranks_per_node=asked.most // machines.nodes,
        cpus_per_rank=machines.on_ray.cpus_per_rank or CORES_PER_RANK[use_gpus],
        use_gpus=use_gpus,
        secret=options.secret,
        variables=machines.env,
        claim=options.claim,
    )


def _check(request: Request) -> None:
    cluster_job(request)


def _manifest(request: Request) -> str:
    assert request.machines.manifest.emit is not None
    return to_yaml(_MAKERS[request.machines.manifest.emit](cluster_job(request)))


def _describe(request: Request) -> list[Step]:
    asked = request.machines.num_procs
    return [
        Step(host="Kubernetes", command="kubectl apply -f -", ranks=range(asked.most), text=_manifest(request).rstrip())
    ]


def _start(request: Request) -> int:
    sys.stdout.write(_manifest(request))
    return 0


EMIT = Way(
    name="on Kubernetes",
    flag="--emit",
    is_asked=lambda machines: machines.manifest.emit is not None,
    uses=frozenset({"num_procs", "nodes", "env", "image", "secret", "claim", "cpus_per_rank", "max_restarts"}),
    check=_check,
    describe=_describe,
    start=_start,
)
