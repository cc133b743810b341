"""One process of a trial: the same training loop as `diptych train`, told by a `Trial` how far to go."""

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray

from launch.on_ray.actors import RankActor
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

if TYPE_CHECKING:
    from trainer.loop.trainer import Trainer
    from trainer.ranks.world import World


class Rank(RankActor):
    """Trains one run after another. torch is imported with the first, when all it reads from the environment is set."""

    def __init__(self, folder: Path, *, num_threads: int) -> None:
        super().__init__(folder, num_threads=num_threads)
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
            ConfigError: the data set is another than the run began with.
        """
        from trainer.loop.setup import open_trainer
        from trainer.ranks.world import init_world

        opened = open_run(RunDir(folder))
        if self._world is None:
            self._world = init_world(opened.config.engine.device)
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
