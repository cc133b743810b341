"""The agents of a launch on Ray: each rank's actor is the agent of that rank."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ray
from ray.actor import ActorProxy
from ray.exceptions import RayActorError, RayError
from ray.util.placement_group import PlacementGroup

from launch.hosts.environment import early
from launch.hosts.host import Host
from launch.on_ray.actors import RankActor, kill_actors, start_actor
from launch.on_ray.cluster import places_of
from launch.on_ray.plan import Needs, describe_needs
from launch.ranks.agent import run_agent
from launch.ranks.agents import Where
from sharding.console import one_line

COMES_WITHIN_S = 60.0
"""An actor whose bundle is reserved: mostly the imports of its process; and its way to the launcher."""

_LOOK_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Errand:
    """What is the same for the ranks of all attempts."""

    run: Path
    """Its folder, on every machine; absolute."""
    folder: Path
    """In which the launcher was started: relative paths begin there."""
    environment: Mapping[str, str]
    """Variables of the launcher that its ranks get."""


class LaunchedRank(RankActor):
    """Starts and watches one rank, as the launch's coordinator says."""

    @ray.method
    def serve(self, errand: Errand, host: Host, where: Where) -> int:
        """Do it until the coordinator lets this agent go. Returns the agent's exit status."""
        os.environ.update(errand.environment)
        return run_agent(
            errand.run,
            coordinator=(where.address, where.port),
            host=host,
            token=where.token,
            patience_s=COMES_WITHIN_S,
        )


class RayAgents:
    """Has actors come to the bundles of a placement group.

    Where a machine is lost, Ray looks for another for its bundles; an actor that is started again waits for that.

    Args:
        hosts: each with its bundle; they have the names of the machines where the bundles are at first.
        wait_s: how long to wait for another machine.
        say: is told of bundles that are elsewhere now.
    """

    def __init__(
        self,
        group: PlacementGroup,
        hosts: Sequence[tuple[Host, int]],
        *,
        needs: Needs,
        errand: Errand,
        wait_s: float,
        say: Callable[[str], None],
    ) -> None:
        self.patience_s = wait_s + COMES_WITHIN_S
        self._group = group
        self._bundles = {host.name: bundle for host, bundle in hosts}
        self._needs = needs
        self._errand = errand
        self._wait_s = wait_s
        self._say = say
        self._actors: dict[str, ActorProxy[LaunchedRank]] = {}
        self._served: dict[str, ray.ObjectRef[int]] = {}
        self._told: dict[str, Where] = {}
        self._homeless_since: dict[str, float] = {}
        self._places, self._looked_s = places_of(group), time.monotonic()
        self._machines = dict(self._places)

    def start(self, host: Host, where: Where) -> None:
        """See `Agents.start`."""
        if host.name in self._actors:
            kill_actors([self._actors.pop(host.name)])
        actor = start_actor(
            LaunchedRank,
            self._group,
            self._bundles[host.name],
            folder=self._errand.folder,
            num_cpus=self._needs.cpus,
            num_gpus=self._needs.gpus,
            early=early(self._errand.environment),
        )
        self._actors[host.name] = actor
        self._served[host.name] = actor.serve.remote(self._errand, host, where)
        self._told[host.name] = where

    def why_not(self, host: Host) -> str | None:
        """See `Agents.why_not`."""
        served, bundle = self._served[host.name], self._bundles[host.name]
        if ray.wait([served], timeout=0)[0]:
            try:
                return f"its agent ended with status {ray.get(served)}"
            except RayActorError as error:
                if self._place(bundle, at_once=True) == self._machines[bundle]:
                    return explain(str(error))
                self.start(host, self._told[host.name])  # it was on its way to a machine that is lost
            except RayError as error:
                return explain(str(error))
        return self._has_no_place(host.name, bundle)

    def _has_no_place(self, name: str, bundle: int) -> str | None:
        """Ray may not have found another machine for it."""
        place = self._place(bundle)
        if place is None:
            since = self._homeless_since.setdefault(name, time.monotonic())
            if time.monotonic() - since <= self._wait_s:
                return None
            needed = describe_needs(1, self._needs)
            return f"{needed}, and no machine has that left; waited {self._wait_s:.0f} s (--ray-wait-s)"
        self._homeless_since.pop(name, None)
        if place != self._machines[bundle]:
            self._machines[bundle] = place
            self._say(f"the rank of {name} goes to {place}")
        return None

    def _place(self, bundle: int, *, at_once: bool = False) -> str | None:
        """Its machine, as of a second ago."""
        if at_once or time.monotonic() - self._looked_s > _LOOK_S:
            self._places, self._looked_s = places_of(self._group), time.monotonic()
        return self._places.get(bundle)

    def close(self) -> None:
        """See `Agents.close`."""
        kill_actors(self._actors.values())
        self._actors.clear()


def explain(error: str) -> str:
    """The line of a message of Ray's that says most, and what to do where that is known."""
    lines = [line.strip() for line in error.strip().splitlines() if line.strip()]
    if any("ModuleNotFoundError" in line for line in lines):
        return f"{one_line(lines[-1])}; the same Diptych must be installed on every machine of the cluster."
    named = [line for line in lines if "Error: " in line]
    return one_line((named or lines or ["Ray says nothing"])[-1])
