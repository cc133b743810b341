"""KubeRay's RayJob: a Ray cluster made for one launch, and removed after it. Checked against KubeRay 1.7's schema."""

from importlib.metadata import version
from typing import Any

from launch.emit.job import WORKSPACE, ClusterJob

_HEAD_CPUS = "2"
_HEAD_MEMORY = "4Gi"
"""The head holds Ray's own processes and the launcher; it trains nothing."""


def ray_job(job: ClusterJob) -> dict[str, Any]:
    """The launcher runs on the head, which has no CPUs for ranks; the ranks are on the workers.

    KubeRay pastes the entrypoint into a line of shell: it must be a single command.
    """
    command = job.command("--ray", "auto", "--num-procs", str(job.num_ranks))
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": {"name": job.name},
        "spec": {
            "entrypoint": f"env --chdir={WORKSPACE} {command}" if job.claim else command,
            "shutdownAfterJobFinishes": True,
            "rayClusterSpec": {
                "rayVersion": version("ray"),
                "authOptions": {"mode": "token"},
                "headGroupSpec": {"rayStartParams": {"num-cpus": "0", "num-gpus": "0"}, "template": _head(job)},
                "workerGroupSpecs": [_workers(job)],
            },
        },
    }


def _head(job: ClusterJob) -> dict[str, Any]:
    amounts = {"cpu": _HEAD_CPUS, "memory": _HEAD_MEMORY}
    return _pod(job, name="ray-head", resources={"requests": dict(amounts), "limits": amounts})


def _workers(job: ClusterJob) -> dict[str, Any]:
    return {
        "groupName": "ranks",
        "replicas": job.num_nodes,
        "minReplicas": job.num_nodes,
        "maxReplicas": job.num_nodes,
        "rayStartParams": {},
        "template": _pod(job, name="ray-worker", resources=job.resources()),
    }


def _pod(job: ClusterJob, *, name: str, resources: dict[str, Any]) -> dict[str, Any]:
    container = {
        "name": name,
        "image": job.image,
        "env": job.environment(),
        "resources": resources,
        "volumeMounts": job.mounts(),
    }
    return {"spec": {"containers": [container], "volumes": job.volumes()}}
