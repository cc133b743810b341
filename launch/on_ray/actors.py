"""Ranks as Ray actors in one placement group: those of a launch, and those of a trial of a sweep.

Ray Train is left out: its trainers inside Tune take 19 to 34 s for each trial, hang when cores are short, and give Tune
no checkpoint. On GPUs each rank gets one (not yet run on a GPU).
"""

import os
import shutil
import socket
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray.actor import ActorProxy
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from trainer.ranks.rendezvous import STORE_VARIABLE
from trainer.ranks.threads import share_cores

LISTEN_VARIABLE = "DIPTYCH_LISTEN_FD"
"""Environment variable of rank 0: a socket that listens already, at which the others find it."""
ADDRESS_VARIABLE = "DIPTYCH_ADDRESS"
"""Environment variable: the address of this machine at which other ranks reach it."""
HOST_VARIABLE = "DIPTYCH_HOST"
"""Environment variable: the name of this machine."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an actor is."""

    node: str
    """Ray's own name of the machine."""
    host: str
    address: str


class RankActor:
    """A process of Ray's for one rank; subclasses say what it does.

    Args:
        folder: what relative paths of configurations are relative to.
        num_threads: CPU cores of this rank.
    """

    def __init__(self, folder: Path, *, num_threads: int) -> None:
        os.chdir(folder)
        os.environ.pop("OMP_NUM_THREADS", None)  # Ray's own choice: the cores that it counts, which need not be whole
        share_cores(num_threads)
        self._listener: socket.socket | None = None

    @ray.method
    def place(self) -> Place:
        """Say where this process is."""
        context = ray.get_runtime_context()
        return Place(node=context.get_node_id(), host=socket.gethostname(), address=ray.util.get_node_ip_address())

    @ray.method
    def make_store(self, private: Path | None) -> str:
        """Make the folder of a file in which ranks of this machine can meet, and return that file's path.

        Args:
            private: a folder of this machine that is only the user's, in which to make it; the system's if None.
        """
        return str(Path(tempfile.mkdtemp(prefix="diptych-ranks-", dir=private)) / "store")

    @ray.method
    def remove_store(self, store: str) -> None:
        """Undo `make_store`."""
        shutil.rmtree(Path(store).parent, ignore_errors=True)

    @ray.method
    def listen(self) -> int:
        """Listen at this machine's own address for the other ranks. Returns the port, which nobody else can take."""
        address = ray.util.get_node_ip_address()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, 0), family=family, backlog=1024)
        return self._listener.getsockname()[1]

    @ray.method
    def join(self, environment: dict[str, str]) -> None:
        """Say who this process is among all ranks: what `trainer.ranks.world.init_world` reads."""
        os.environ |= environment
        if self._listener is not None:
            os.environ[LISTEN_VARIABLE] = str(self._listener.fileno())


AnyRank = TypeVar("AnyRank", bound=RankActor)


def start_actors(
    kind: type[AnyRank], group: PlacementGroup, *args: Any, options: dict[str, Any], num_ranks: int, **settings: Any
) -> list[ActorProxy[AnyRank]]:
    """New processes, one in each of the first bundles of a placement group.

    Args:
        args: of `kind`, as `settings` are.
        options: of Ray, e.g. `num_cpus`.
    """
    return [
        ray.remote(kind)
        .options(**options, scheduling_strategy=PlacementGroupSchedulingStrategy(group, bundle))
        .remote(*args, **settings)
        for bundle in range(num_ranks)
    ]


def join_actors(
    ranks: Sequence[ActorProxy[Any]],
    *,
    private: Path | None = None,
    timeout: float | None = None,
    **common: str,
) -> tuple[list[Place], str]:
    """Make them know each other.

    On one machine they meet in a file and need no port; on several at a port of rank 0's, bound to its own address.

    Args:
        private: see `RankActor.make_store`.
        timeout: seconds.
        common: further variables for each.

    Returns:
        Where each is, and the path of the file; empty if there is none.

    Raises:
        GetTimeoutError: not done in time.
        RayError: one has died.
    """
    places: list[Place] = ray.get([rank.place.remote() for rank in ranks], timeout=timeout)
    store = ""
    if len({place.node for place in places}) == 1:
        store = str(ray.get(ranks[0].make_store.remote(private), timeout=timeout))
        common |= {STORE_VARIABLE: store}
    else:
        port = ray.get(ranks[0].listen.remote(), timeout=timeout)
        common |= {"MASTER_ADDR": places[0].address, "MASTER_PORT": str(port)}
    own = environments(places)
    ray.get([rank.join.remote(common | who) for rank, who in zip(ranks, own, strict=True)], timeout=timeout)
    return places, store


def environments(places: Sequence[Place]) -> list[dict[str, str]]:
    """What differs from rank to rank."""
    neighbours = Counter(place.node for place in places)
    is_one = len(neighbours) == 1
    return [
        {
            "RANK": str(rank),
            "WORLD_SIZE": str(len(places)),
            "LOCAL_RANK": "0",  # Ray shows each rank its own GPU only
            "LOCAL_WORLD_SIZE": str(neighbours[place.node]),
            HOST_VARIABLE: place.host,
        }
        | ({} if is_one else {ADDRESS_VARIABLE: place.address})
        for rank, place in enumerate(places)
    ]


def kill_actors(ranks: Sequence[ActorProxy[Any]]) -> None:
    """End them at once."""
    for rank in ranks:
        ray.kill(rank)  # pyright: ignore[reportArgumentType]  any handle is right
