"""A sweep on a Ray cluster: connected to, and each of its machines asked whether it sees the sweep's files."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from launch.embedded import ensure_dataset
from launch.hosts.environment import early, forwarded
from launch.on_ray.agents import explain
from launch.on_ray.cluster import all_nodes, connected
from launch.on_ray.plan import Node
from launch.starting import check_dataset
from sharding.errors import DatasetError
from sweeps.plan import Sweep, SweepDir
from trainer.config.errors import ConfigError

_ANSWER_S = 120.0
"""Of a machine that has yet to start a process and import what it needs."""
_SEEN = "seen"


def ask_machines(address: str) -> list[Node]:
    """What each machine of a cluster has. Raises ConfigError if none answers at the address."""
    with connected(address):
        return all_nodes()


@contextmanager
def cluster_ray(address: str, folder: SweepDir, sweep: Sweep) -> Iterator[Path]:
    """The cluster until the end of the block. Yields a new folder below the sweep's that is only the user's, which all
    machines see, and which is removed at the end: Tune keeps pointers to checkpoints there.

    Raises:
        ConfigError: no cluster answers, or one of its machines does not see the sweep's folder or the data.
    """
    with (
        connected(address, early=early(forwarded(os.environ))),
        TemporaryDirectory(prefix=".tune-", dir=folder.path, ignore_cleanup_errors=True) as name,
    ):
        _check_machines(address, Path(name), sweep)
        yield Path(name)


def _check_machines(address: str, shared: Path, sweep: Sweep) -> None:
    sign = secrets.token_hex(8)
    (shared / _SEEN).write_text(sign)
    look = ray.remote(num_cpus=0, max_retries=0)(_look)
    asked = {}
    for node in ray.nodes():
        if node["Alive"]:
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
            asked[name] = look.options(scheduling_strategy=there).remote(shared, sign, sweep)
    for name, answer in asked.items():
        try:
            problem = ray.get(answer, timeout=_ANSWER_S)
        except (RayError, GetTimeoutError) as error:
            problem = explain(str(error))
        if problem:
            raise ConfigError("ray", address, f"machine {name}: {problem}")


def _look(shared: Path, sign: str, sweep: Sweep) -> str:
    """On one machine: what is wrong there; empty if nothing is."""
    try:
        seen = (shared / _SEEN).read_text()
        os.chdir(sweep.folder)
        with TemporaryDirectory(dir=shared):
            pass
    except OSError as error:
        seen, why = "", f": {error}"
    else:
        why = ""
    if seen != sign:
        return (
            f"does not see {shared.parent} and {sweep.folder} as the others do{why}. The sweep and the folder where it "
            "is started must be on a file system that all machines share, at the same path."
        )
    try:
        ensure_dataset(sweep.config.data.path)
        check_dataset(sweep.config)
    except (ConfigError, DatasetError) as error:
        return str(error)
    return ""
