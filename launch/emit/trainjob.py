"""Kubeflow's TrainJob: a launch without ssh, by `--node-rank` in each pod. Checked against Trainer 2.3's schema."""

from typing import Any

from launch.emit.job import WORKSPACE, ClusterJob

_RUNTIME = "torch-distributed"
"""Comes with Kubeflow Trainer. It makes one pod for each node, with a name in DNS, and says which it is."""
_NODE_RANK = '"$PET_NODE_RANK"'
_TOKEN = "DIPTYCH_TOKEN"
_HOSTS = "/tmp/diptych-hosts"


def train_job(job: ClusterJob) -> dict[str, Any]:
    """Each pod runs the same command; that of the first watches over all ranks."""
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": job.name},
        "spec": {
            "runtimeRef": {
                "apiGroup": "trainer.kubeflow.org",
                "kind": "ClusterTrainingRuntime",
                "name": _RUNTIME,
            },
            "trainer": {
                "image": job.image,
                "numNodes": job.num_nodes,
                "numProcPerNode": job.ranks_per_node,
                "command": ["sh", "-c", script(job)],
                "env": job.environment(*([_TOKEN] if job.num_nodes > 1 else [])),
                "resourcesPerNode": job.resources(),
            },
            "runtimePatches": [{"manager": "diptych.launch/emit", "trainingRuntimeSpec": _patch(job)}],
        },
    }


def script(job: ClusterJob) -> str:
    """What each pod runs. A hostfile, because pods have names before they have addresses."""
    lines = ["set -e", *([f"cd {WORKSPACE}"] if job.claim else [])]
    where = ["--num-procs", str(job.num_ranks)]
    if job.num_nodes > 1:
        hosts = "\n".join(f"{host} slots={job.ranks_per_node}" for host in pod_names(job))
        lines.append(f"cat >{_HOSTS} <<'END'\n{hosts}\nEND")
        where += ["--hostfile", _HOSTS, "--node-rank", _NODE_RANK]
    return "\n".join([*lines, f"exec {job.command(*where)}", ""])


def pod_names(job: ClusterJob) -> list[str]:
    """Under which the pods find each other: that of a pod in JobSet's job `node`, and its service's."""
    return [f"{job.name}-node-0-{number}.{job.name}" for number in range(job.num_nodes)]


def _patch(job: ClusterJob) -> dict[str, Any]:
    pod = {"volumes": job.volumes(), "containers": [{"name": "node", "volumeMounts": job.mounts()}]}
    node = {"name": "node", "template": {"spec": {"template": {"spec": pod}}}}
    return {"template": {"spec": {"replicatedJobs": [node]}}}
