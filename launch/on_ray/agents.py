"""The agents of a launch on Ray: each rank's actor is the agent of that rank."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ray
from ray.actor import ActorProxy
from ray.exceptions import RayError
from ray.util.placement_group import PlacementGroup

from launch.hosts.host import Host
from launch.on_ray.actors import RankActor, kill_actors, start_actor
from launch.on_ray.plan import Needs
from launch.ranks.agent import run_agent
from launch.ranks.agents import Where
from sharding.console import one_line


@dataclass(frozen=True, kw_only=True)
class Errand:
    """What is the same for the ranks of all attempts."""

    run: Path
    """Its folder, on every machine; absolute."""
    folder: Path
    """In which the launcher was started: relative paths begin there."""
    environment: Mapping[str, str]
    """Variables of the launcher that its ranks get."""
    patience_s: float
    """How long to try to reach the launcher."""


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
            patience_s=errand.patience_s,
        )


class RayAgents:
    """Has actors come to the bundles of a placement group.

    Where a machine is lost, Ray looks for another for its bundles; an actor that is started again waits for that.

    Args:
        hosts: each with its bundle.
        patience_s: how long to wait for an actor to come.
    """

    def __init__(
        self,
        group: PlacementGroup,
        hosts: Sequence[tuple[Host, int]],
        *,
        needs: Needs,
        errand: Errand,
        patience_s: float,
    ) -> None:
        self.patience_s = patience_s
        self._group = group
        self._bundles = {host.name: bundle for host, bundle in hosts}
        self._needs = needs
        self._errand = errand
        self._actors: dict[str, ActorProxy[LaunchedRank]] = {}
        self._served: dict[str, ray.ObjectRef[int]] = {}

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
        )
        self._actors[host.name] = actor
        self._served[host.name] = actor.serve.remote(self._errand, host, where)

    def why_not(self, host: Host) -> str | None:
        """See `Agents.why_not`."""
        served = self._served[host.name]
        if not ray.wait([served], timeout=0)[0]:
            return None
        try:
            return f"its agent ended with status {ray.get(served)}"
        except RayError as error:
            return explain(str(error))

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
