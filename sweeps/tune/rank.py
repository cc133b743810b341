"""One process of a trial: the same training loop as `diptych train`, told by a `Trial` how far to go."""

import gc
import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray

from launch.on_ray.actors import RankActor, end_with_raylet
from trainer.config.errors import ConfigError
from trainer.ranks.collector import collector_paused
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

if TYPE_CHECKING:
    from trainer.loop.trainer import Trainer
    from trainer.ranks.world import World


_FORMER_RANKS_END_S = 90.0
"""Those of a machine that is cut off from a cluster train on until Ray there gives up."""
_LOOK_S = 0.2


class Rank(RankActor):
    """Trains one run after another. torch is imported with the first, when all it reads from the environment is set."""

    def __init__(self, folder: Path, *, num_threads: int) -> None:
        super().__init__(folder, num_threads=num_threads)
        end_with_raylet()
        self._lock = ExitStack()
        self._world: World | None = None
        self._trainer: Trainer | None = None

    @ray.method
    def join(self, environment: dict[str, str]) -> None:
        """Say who this process is among the ranks of its trial: what `trainer.ranks.world.init_world` reads."""
        os.environ |= environment
        os.environ["LOCAL_RANK"] = "0"  # Ray shows each rank its own GPU only

    @ray.method
    def begin(self, folder: Path) -> int:
        """Open the run in `folder` at its newest checkpoint, if it has one. Returns the position there.

        Raises:
            ConfigError: the data set is another than the run began with, or another process trains the run.
        """
        with collector_paused():
            from trainer.loop.setup import open_trainer
            from trainer.ranks.world import init_world

        run = RunDir(folder)
        if self._is_main:
            take(run, self._lock, patience_s=_FORMER_RANKS_END_S)
        opened = open_run(run)
        if self._world is None:
            self._world = init_world(opened.config.engine.device)
        with collector_paused():  # DeepSpeed and W&B are imported within
            self._trainer = open_trainer(opened, world=self._world, to_console=False)
        return self._trainer.position

    @ray.method
    def advance(self, period: int) -> dict[str, Any]:
        """Train to the next multiple of `period` images, or to the end; score the validation split; save.

        Returns:
            `position`, and either scores, or `diverged`: True after a loss that is not finite.
        """
        from trainer.loop.errors import TrainingDivergedError

        trainer = self._trainer
        assert trainer is not None
        try:
            metrics = trainer.advance(period - trainer.position % period)
            trainer.save()
            trainer.wait_saved()  # Tune may count on it from now on
        except TrainingDivergedError:
            return {"position": trainer.position, "diverged": True}
        return metrics

    @ray.method
    def end(self) -> None:
        """Close the run and free its networks; the process can begin another."""
        if self._trainer is not None:
            self._trainer.close()
            self._trainer = None
            gc.collect()  # engines and networks refer to each other
        self._lock.close()

    @property
    def _is_main(self) -> bool:
        return os.environ.get("RANK", "0") == "0"


def take(run: RunDir, lock: ExitStack, *, patience_s: float) -> None:
    """Hold the lock of a run in `lock`. Ranks of a sweep that was killed are waited for: they end by themselves.

    Raises:
        ConfigError: another process still holds it, which the message names.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            lock.enter_context(run.only_process())
            return
        except ConfigError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_S)
