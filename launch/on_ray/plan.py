"""What ranks need of a Ray cluster, and whether it has that: arithmetic alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor

from launch.hosts.host import Host
from launch.hosts.num_procs import NumProcs
from sharding.console import counted
from trainer.config.errors import ConfigError


def check_address(address: str) -> None:
    """Raise ConfigError for what is neither `auto` nor `host:port`."""
    host, _, port = address.rpartition(":")
    if address != "auto" and (not host or "/" in host or not port.isdecimal()):
        raise ConfigError("ray", address, "use auto, or host:port of a cluster's head (its port is 6379 as a rule).")


@dataclass(frozen=True, kw_only=True)
class Node:
    """A machine of the cluster: what it has, or what is free there."""

    cpus: float
    gpus: float = 0


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Of one rank."""

    cpus: int
    gpus: int

    def bundle(self) -> dict[str, float]:
        """As Ray has it."""
        return {"CPU": float(self.cpus)} | ({"GPU": float(self.gpus)} if self.gpus else {})

    def fit(self, node: Node) -> int:
        """How many ranks fit there."""
        by_cpus = floor(node.cpus / self.cpus)
        return min(by_cpus, floor(node.gpus / self.gpus)) if self.gpus else by_cpus


def choose_ranks(
    nodes: Sequence[Node],
    *,
    asked: NumProcs,
    device: str,
    cpus_per_rank: int,
    one_each: bool = False,
    free: Sequence[Node] | None = None,
) -> tuple[int, Needs]:
    """How many ranks, and what each needs.

    Not asked, there is one for each GPU of the cluster, or one where there is none. A range is filled as far as goes
    what is free.

    Args:
        device: as `EngineConfig.device`.
        cpus_per_rank: 0 for an even share.
        one_each: no two ranks on one machine.
        free: what is free on each machine; all that it has if not given.

    Raises:
        ConfigError: GPUs are asked for, and there are none.
    """
    num_gpus = sum(floor(node.gpus) for node in nodes)
    if device == "cuda" and num_gpus == 0:
        raise ConfigError("engine.device", device, "the Ray cluster has no GPU; use auto or cpu.")
    gpus = 1 if num_gpus and device != "cpu" else 0
    most = asked.most or num_gpus * gpus or 1
    if asked.is_range:
        least_needs = Needs(cpus=cpus_per_rank or 1, gpus=gpus)
        most = max(asked.least, min(most, _room(nodes if free is None else free, least_needs, one_each=one_each)))
    return most, Needs(cpus=cpus_per_rank or _share(nodes, most, gpus=gpus, one_each=one_each), gpus=gpus)


def _share(nodes: Sequence[Node], num_ranks: int, *, gpus: int, one_each: bool) -> int:
    """The most CPUs for each with which all fit."""
    for cpus in range(floor(max((node.cpus for node in nodes), default=1)), 1, -1):
        if _room(nodes, Needs(cpus=cpus, gpus=gpus), one_each=one_each) >= num_ranks:
            return cpus
    return 1


def _room(nodes: Iterable[Node], needs: Needs, *, one_each: bool) -> int:
    fitting = (needs.fit(node) for node in nodes)
    return sum(min(1, number) if one_each else number for number in fitting)


def describe_needs(num_ranks: int, needs: Needs) -> str:
    """`4 ranks need 4 GPUs and 8 CPUs`."""
    return f"{counted(num_ranks, 'rank')} {'needs' if num_ranks == 1 else 'need'} " + _amounts(
        num_ranks * needs.cpus, num_ranks * needs.gpus
    )


def describe_nodes(nodes: Sequence[Node]) -> str:
    """`2 GPUs and 16 CPUs on 2 machines`."""
    cpus, gpus = sum(node.cpus for node in nodes), sum(node.gpus for node in nodes)
    return f"{_amounts(floor(cpus), floor(gpus))} on {counted(len(nodes), 'machine')}"


def _amounts(cpus: int, gpus: int) -> str:
    return " and ".join(([counted(gpus, "GPU")] if gpus else []) + [counted(cpus, "CPU")])


def missing(num_ranks: int, needs: Needs, nodes: Sequence[Node], *, one_each: bool) -> str:
    """Why the ranks do not fit on these machines; empty if they do."""
    room = _room(nodes, needs, one_each=one_each)
    if room >= num_ranks:
        return ""
    each = ", each rank on a machine of its own," if one_each else ""
    return f"{describe_needs(num_ranks, needs)}{each} and there are {describe_nodes(nodes)}: room for {room}"


def name_hosts(nodes_of_bundles: Sequence[str]) -> list[tuple[Host, int]]:
    """One host of one slot for each bundle, and the bundle: those of one machine beside each other.

    Args:
        nodes_of_bundles: name of the machine of each. One that has several is numbered: `n1#1`, `n1#2`.
    """
    order = {name: number for number, name in reversed(list(enumerate(nodes_of_bundles)))}
    found: list[tuple[Host, int]] = []
    for name in sorted(order, key=order.__getitem__):
        bundles = [bundle for bundle, node in enumerate(nodes_of_bundles) if node == name]
        names = [name] if len(bundles) == 1 else [f"{name}#{number}" for number in range(1, len(bundles) + 1)]
        found += [(Host(each, 1), bundle) for each, bundle in zip(names, bundles, strict=True)]
    return found
