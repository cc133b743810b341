"""Options of `--emit`."""

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

Kind = Literal["rayjob", "trainjob"]


@dataclass(frozen=True, kw_only=True)
class EmitOptions:
    """What a manifest for Kubernetes needs to know, beside what is trained."""

    emit: Annotated[Kind | None, tyro.conf.arg(metavar="rayjob|trainjob")] = None
    """Print a manifest for Kubernetes that trains this there, and do nothing else: KubeRay's RayJob or Kubeflow's
    TrainJob. With --nodes, --num-procs and --image."""
    image: str = ""
    """With --emit: a container image in which Diptych is installed."""
    secret: str = "diptych"
    """With --emit: the Secret of the cluster that holds the variables of --env, each under its name."""
    claim: str = ""
    """With --emit: the PersistentVolumeClaim on which runs and data lie; without one all is gone with the job."""
