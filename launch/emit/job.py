"""What a manifest is made from, whatever its kind."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from sharding.console import command_line
from trainer.config.errors import require

WORKSPACE = "/workspace"
"""Where the volume of runs and data is in each container, and where the command begins."""
GPU = "nvidia.com/gpu"
_LONGEST_NAME = 40
"""Kubernetes allows 63 characters, and the controllers add some of their own for pods and services."""


@dataclass(frozen=True, kw_only=True)
class ClusterJob:
    """One launch on Kubernetes."""

    name: str
    """Of the manifest: letters, digits and `-`."""
    image: str
    """A container image in which Diptych is installed."""
    words: Sequence[str]
    """Arguments of `diptych launch`, without those that say where."""
    verb: str = "launch"
    num_nodes: int
    ranks_per_node: int
    cpus_per_rank: int
    use_gpus: bool
    """A GPU for each rank."""
    secret: str
    """Name of the Secret that holds the values of `variables`, under their names."""
    variables: Sequence[str] = ()
    """Names of environment variables."""
    claim: str = ""
    """Name of the PersistentVolumeClaim with runs and data; none if empty: all is gone with the pods."""

    @property
    def num_ranks(self) -> int:
        return self.num_nodes * self.ranks_per_node

    def command(self, *where: str) -> str:
        """The shell line of one node; `where` is added to the arguments as it stands.

        Kubernetes fills in `$(NAME)` in commands, unless the dollar is doubled.
        """
        return " ".join([command_line("diptych", self.verb, *self.words).replace("$(", "$$("), *where])

    def resources(self) -> dict[str, Any]:
        """Of one node's container."""
        amounts = {"cpu": str(self.ranks_per_node * self.cpus_per_rank)}
        if self.use_gpus:
            amounts[GPU] = str(self.ranks_per_node)
        return {"requests": dict(amounts), "limits": amounts}

    def environment(self, *more: str) -> list[dict[str, Any]]:
        """Variables whose values the cluster takes from the Secret: none stands in a manifest."""
        return [
            {"name": name, "valueFrom": {"secretKeyRef": {"name": self.secret, "key": name}}}
            for name in dict.fromkeys([*self.variables, *more])
        ]

    def volumes(self) -> list[dict[str, Any]]:
        """Of a pod: the claim, and shared memory without a bound: NCCL needs more than the 64 MB that are usual."""
        volumes: list[dict[str, Any]] = [{"name": "shared-memory", "emptyDir": {"medium": "Memory"}}]
        if self.claim:
            volumes.append({"name": "workspace", "persistentVolumeClaim": {"claimName": self.claim}})
        return volumes

    def mounts(self) -> list[dict[str, Any]]:
        """Of a container: where its volumes are."""
        mounts = [{"name": "shared-memory", "mountPath": "/dev/shm"}]
        if self.claim:
            mounts.append({"name": "workspace", "mountPath": WORKSPACE})
        return mounts


def manifest_name(wanted: str) -> str:
    """`My_Run/2` -> `my-run-2`: a name as Kubernetes has it, which begins with a letter.

    Raises:
        ConfigError: nothing of it can be kept.
    """
    kept = re.sub(r"[^a-z0-9]+", "-", wanted.lower()).lstrip("-0123456789")[:_LONGEST_NAME].rstrip("-")
    require(bool(kept), "name", wanted, "use one with letters; Kubernetes has a-z, 0-9 and - in names.")
    return kept


def to_yaml(manifest: dict[str, Any]) -> str:
    """As people write it: in the given order, scripts line by line."""
    return yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, width=1000)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and repeats what occurs twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
