"""The Ray cluster of a launch: connected to, looked at, and a part of it reserved."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

import ray
from ray._private import services, state
from ray._private.ray_constants import RAY_ADDRESS_ENVIRONMENT_VARIABLE
from ray.exceptions import RayError
from ray.util.placement_group import PlacementGroup, placement_group, placement_group_table, remove_placement_group

from launch.on_ray.plan import Needs, Node, check_address, describe_needs, describe_nodes, missing
from launch.on_ray.probe import probe
from sharding.work.cluster import knock
from trainer.config.errors import ConfigError

_LOOK_S = 1.0
_SAY_AFTER_S = 3.0


@contextmanager
def connected(address: str, *, early: Mapping[str, str] = MappingProxyType({})) -> Iterator[str]:
    """While inside, this process is a driver of the cluster. Yields the cluster's address.

    Args:
        address: `auto`, or `host:port`.
        early: variables of the environment that all processes of this driver start with.

    Raises:
        ConfigError: no cluster answers there, it refuses us, or it is of another version of Ray or Python.
    """
    found = _find(address)
    try:
        knock(found)
    except (OSError, ValueError) as error:
        raise ConfigError(
            "ray", found, f"nobody answers there ({error}); start one with `ray start --head`."
        ) from error
    probe(found)
    try:
        ray.init(
            address=found,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": dict(early)} if early else None,
        )
    except (RuntimeError, ConnectionError, ValueError, RayError) as error:
        first = str(error).strip().partition("\n")[0]
        raise ConfigError("ray", found, f"cannot be joined from this machine: {first}") from error
    try:
        yield found
    finally:
        ray.shutdown()


def _find(address: str) -> str:
    """What `auto` means. Not any Ray that runs on this machine, as it does to Ray: that may be somebody's own."""
    if address != "auto":
        return services.canonicalize_bootstrap_address(address) or address  # Ray has its own idea of localhost
    named = os.environ.get(RAY_ADDRESS_ENVIRONMENT_VARIABLE, "")
    found = named if named not in ("", "auto") else services.find_bootstrap_address(None)
    if not found:
        remedy = (
            "this machine is part of no Ray cluster. Start one with `ray start --head` here and `ray start --address "
            "HOST:6379` on others, name one (--ray HOST:PORT), or leave --ray away to train on this machine alone."
        )
        raise ConfigError("ray", address, remedy)
    check_address(found)
    return found


def own_address() -> str:
    """Of this machine in the cluster."""
    return ray.util.get_node_ip_address()


def all_nodes() -> list[Node]:
    """What each machine has."""
    return [_node(found["Resources"]) for found in ray.nodes() if found["Alive"]]


def free_nodes() -> list[Node]:
    """What is free on each machine now."""
    return [_node(resources) for resources in state.available_resources_per_node().values()]


def _node(resources: dict[str, float]) -> Node:
    return Node(cpus=resources.get("CPU", 0), gpus=resources.get("GPU", 0))


@contextmanager
def reserved(
    num_ranks: int, needs: Needs, *, strategy: str, wait_s: float, say: Callable[[str], None]
) -> Iterator[PlacementGroup]:
    """A placement group with a bundle for each rank, while inside.

    Args:
        strategy: pack, spread or strict-spread.
        wait_s: how long other jobs may hold what is needed, or new machines may take to come.
        say: is told what is waited for.

    Raises:
        ConfigError: it is not there in time.
    """
    group = placement_group([needs.bundle()] * num_ranks, strategy=strategy.upper().replace("-", "_"))
    try:
        _wait(group, num_ranks, needs, one_each=strategy == "strict-spread", wait_s=wait_s, say=say)
        yield group
    finally:
        remove_placement_group(group)


def _wait(
    group: PlacementGroup, num_ranks: int, needs: Needs, *, one_each: bool, wait_s: float, say: Callable[[str], None]
) -> None:
    began = time.monotonic()
    said = False
    while not group.wait(_LOOK_S):
        waited = time.monotonic() - began
        if waited > wait_s:
            problem = missing(num_ranks, needs, all_nodes(), one_each=one_each)
            problem = problem or f"{describe_needs(num_ranks, needs)}, and free are {describe_nodes(free_nodes())}"
            raise ConfigError("num_procs", num_ranks, f"{problem}. Waited {wait_s:.0f} s for them (--ray-wait-s).")
        if waited > _SAY_AFTER_S and not said:
            said = True
            lacking = missing(num_ranks, needs, all_nodes(), one_each=one_each)
            reason = lacking or f"{describe_needs(num_ranks, needs)}; free are {describe_nodes(free_nodes())}"
            say(f"waiting up to {wait_s:.0f} s: {reason}")


def machines_of(group: PlacementGroup) -> list[str]:
    """Name of the machine of each bundle, all of which are placed; its address, where two have the same name."""
    places = places_of(group)
    return [places[bundle] for bundle in sorted(places)]


def places_of(group: PlacementGroup) -> dict[int, str]:
    """Bundle -> name of its machine, of those that have one that lives."""
    nodes = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
    names = dict(zip(nodes, _names(list(nodes.values())), strict=True))
    table = placement_group_table(group)["bundles_to_node_id"]
    return {bundle: names[node] for bundle, node in table.items() if node in names}


def _names(nodes: Sequence[dict[str, str]]) -> list[str]:
    addresses = {(node["NodeManagerHostname"], node["NodeManagerAddress"]) for node in nodes}
    names = [name for name, _ in addresses]
    return [
        node["NodeManagerHostname" if names.count(node["NodeManagerHostname"]) == 1 else "NodeManagerAddress"]
        for node in nodes
    ]
