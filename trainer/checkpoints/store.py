"""The checkpoints of one run, as its training loop uses them."""

from pathlib import Path
from typing import Any

from sharding.console import make_console
from trainer.checkpoints.save import Progress, load_checkpoint, save_checkpoint
from trainer.checkpoints.whole import newest_whole_checkpoint
from trainer.engine.average import MovingAverage
from trainer.engine.engine import Engine
from trainer.ranks.world import World


class Checkpoints:
    """Saves what is trained to a folder, and loads it from there.

    Args:
        folder: of all checkpoints.
        keep: how many of the newest.
    """

    def __init__(self, folder: Path, *, engine: Engine, average: MovingAverage, keep: int, world: World) -> None:
        self.folder = folder
        self.engine = engine
        self.average = average
        self.keep = keep
        self.world = world
        self.newest: int | None = None
        """Position of the checkpoint that was loaded or saved last."""

    def load(self) -> tuple[Progress, list[dict[str, Any]], Path] | None:
        """Go to the newest whole checkpoint, if any; say which newer ones are damaged.

        Returns:
            As `load_checkpoint`, and where it lies.

        Raises:
            CheckpointError: there are checkpoints, and none can be loaded.
        """
        whole = newest_whole_checkpoint(self.folder, world=self.world)
        if whole is None:
            return None
        if self.world.is_main:
            for note in whole.notes:
                make_console(stderr=True).print(note)
        progress, states = load_checkpoint(whole.folder, engine=self.engine, average=self.average, world=self.world)
        self.newest = progress.position
        return progress, states, whole.folder

    def save(self, progress: Progress, *, rank_state: dict[str, Any]) -> None:
        """Write a checkpoint. Raises CheckpointError."""
        save_checkpoint(
            self.folder,
            progress=progress,
            engine=self.engine,
            average=self.average,
            rank_state=rank_state,
            keep=self.keep,
            world=self.world,
        )
        self.newest = progress.position
