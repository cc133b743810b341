"""A trial of a sweep: a Tune Trainable that starts its ranks as actors in Tune's own placement group."""

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.actor import ActorProxy
from ray.exceptions import GetTimeoutError, RayError
from ray.util.placement_group import get_current_placement_group

from launch.on_ray.actors import end_with_raylet, kill_actors, start_actor
from sweeps.plan import Sweep, SweepDir
from sweeps.spaces.overrides import Overrides, apply
from sweeps.trials import named
from sweeps.tune.rank import Rank
from trainer.monitoring.metrics_file import read_metrics
from trainer.ranks.rendezvous import STORE_VARIABLE
from trainer.runs.rundir import RunDir

_END_TIMEOUT_S = 40
"""W&B may take 20 s to give up on a server that is gone."""


def placement(sweep: Sweep) -> tune.PlacementGroupFactory:
    """An empty bundle for the Trial, which only waits (Tune drops it, so the ranks' bundles count from 0).

    Ray reserves all bundles or none, so that no two trials wait for each other's. They are of one machine, as is the
    Trial, which is in the first of them.
    """
    of_rank: dict[str, float] = {"CPU": sweep.resources.cpus_per_rank}
    if sweep.resources.gpus_per_rank:
        of_rank["GPU"] = sweep.resources.gpus_per_rank
    return tune.PlacementGroupFactory([{}] + [of_rank] * sweep.ranks_per_trial, strategy="STRICT_PACK")


def start_ranks(sweep: Sweep, *, store: Path, environment: Mapping[str, str]) -> list[ActorProxy[Rank]]:
    """New processes in the current placement group that know each other, and have nothing to train yet.

    They are on one machine, so they meet in a file and need no port: torch asks nobody at a port who they are.

    Args:
        store: that file, in a folder of this machine that is only the user's.
        environment: variables that they get.
    """
    group, resources = get_current_placement_group(), sweep.resources
    assert group is not None, "Tune has made one for the trial"
    ranks = [
        start_actor(
            Rank,
            group,
            number,
            folder=sweep.folder,
            num_cpus=resources.cpus_per_rank,
            num_gpus=resources.gpus_per_rank,
        )
        for number in range(sweep.ranks_per_trial)
    ]
    common = {**environment, "WORLD_SIZE": str(len(ranks)), STORE_VARIABLE: str(store)}
    ray.get([rank.join.remote({"RANK": str(number), **common}) for number, rank in enumerate(ranks)])
    return ranks


def reported(metrics: dict[str, Any], sweep: Sweep) -> dict[str, Any]:
    """What Tune is told: a trial whose loss was not finite is over, and behind all others.

    In population-based training each report ends it for Tune: it goes on as another.
    """
    if metrics.get("diverged"):
        return {sweep.metric: sweep.score.worst, "done": True, **metrics}
    return metrics | {"done": True} if sweep.algorithm == "pbt" else metrics


def report_on_record(run: RunDir, position: int, sweep: Sweep) -> dict[str, Any]:
    """What a run found at a position, where its rank died between saving and reporting."""
    found: dict[str, Any] = {"position": position, sweep.metric: sweep.score.worst}
    for metrics in read_metrics(run.metrics_file):
        if metrics["position"] == position:
            found |= {key: value for key, value in metrics.items() if key.startswith(("eval/", "baseline/"))}
    return found


class Trial(tune.Trainable):
    """Trains one configuration in a run directory of its own, a report at a time.

    Its real checkpoints are those of the run directory, which a trial that starts again continues from by itself.
    Tune is given a pointer only: it needs one to restart a trial.
    """

    # tune.with_parameters adds the last four.
    def setup(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        config: dict[str, Any],
        folder: SweepDir,
        sweep: Sweep,
        private: Path | None,
        environment: Mapping[str, str],
    ) -> None:
        """Start the ranks, and have them open the run.

        Args:
            private: a folder of this machine that is only the user's; None to make one.
            environment: variables of the driver that the ranks get.
        """
        end_with_raylet()
        self.folder = folder
        self.sweep = sweep
        self._meeting = tempfile.TemporaryDirectory(prefix="diptych-ranks-", dir=private, ignore_cleanup_errors=True)
        self.ranks = start_ranks(sweep, store=Path(self._meeting.name) / "store", environment=environment)
        self.position = 0
        self.reset_config(config)

    def _begin(self, *, name: str, overrides: Overrides, position: int) -> None:
        os.chdir(self.sweep.folder)  # Tune goes to a folder of its own for each trial
        self.run = self.folder.run(name)
        if not self.run.run_file.exists():
            config = named(apply(self.sweep.config, overrides), name, overrides)
            self.run.create(config, preset=self.sweep.preset, command=self.sweep.command)
        self.position: int = self._on_all("begin", self.run.path)
        self._require(max(position, self._expected))
        period = self.sweep.report_period
        self._until = min(self.sweep.total, position + period - position % period)

    def step(self) -> dict[str, Any]:
        """Train up to the next report and save. The metrics of the validation split, and `position` in images."""
        if self._given is not None:
            self._on_all("end")
            self._begin(**self._given)
            self._given = None
        in_rounds = self.sweep.algorithm == "pbt"
        if in_rounds and self.position >= self._until:
            metrics = report_on_record(self.run, self.position, self.sweep)
        else:
            metrics = self._on_all("advance", self.sweep.report_period)
        self.position = metrics["position"]
        if in_rounds:
            self._on_all("end")  # its folder may be given other weights from now on
        return reported(metrics, self.sweep)

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """`step` has saved already: the pointer."""
        return {"position": self.position}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Have the next step check that the run goes on from there."""
        self._expected: int = (checkpoint or {}).get("position", 0)

    def _require(self, expected: int) -> None:
        """Check that the run went on from `expected`, or from later: a rank may have died between saving and reporting.

        Raises:
            RuntimeError: checkpoints of the run directory are gone.
        """
        if self.position < expected:
            raise RuntimeError(
                f"{self.run.path} was saved after {expected} images, and its newest checkpoint "
                f"is of {self.position}. Put the removed checkpoint back, or start a new sweep."
            )

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Another trial takes over these ranks, which saves it some 10 s of imports.

        With its first step: one that fails before that Tune does not try again.
        """
        self._given: dict[str, Any] | None = new_config["trial"]
        self._expected = 0
        return True

    def cleanup(self) -> None:
        """Let W&B finish, within bounds, and end the ranks."""
        with contextlib.suppress(RayError, GetTimeoutError):
            ray.get([rank.end.remote() for rank in self.ranks], timeout=_END_TIMEOUT_S)
        self._kill_ranks()
        self._meeting.cleanup()

    def _on_all(self, method: str, *args: Any) -> Any:
        """What the main rank returns. If one fails all are ended: the others would wait for it, and hold their GPUs."""
        try:
            return ray.get([getattr(rank, method).remote(*args) for rank in self.ranks])[0]
        except RayError:
            self._kill_ranks()
            raise

    def _kill_ranks(self) -> None:
        kill_actors(self.ranks)
        self.ranks = []
