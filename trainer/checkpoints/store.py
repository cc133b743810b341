"""The checkpoints of one run, as its training loop uses them: save, wait, load, close.

Training waits while all ranks write their files. A thread of the main rank takes their checksums, makes the checkpoint
durable and removes older ones while training goes on. It does nothing collective: ranks have but one order of those.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sharding.console import make_console
from trainer.checkpoints.agreement import agreed, explained
from trainer.checkpoints.layout import CheckpointError, folder_of
from trainer.checkpoints.load import load_checkpoint
from trainer.checkpoints.progress import Progress
from trainer.checkpoints.publish import clear, clear_left_over, hidden_name, prune, publish
from trainer.checkpoints.remote.upload import Uploader
from trainer.checkpoints.save import complete_checkpoint, write_checkpoint
from trainer.checkpoints.sight import Sight, look_around
from trainer.checkpoints.unshared import brought
from trainer.checkpoints.whole import newest_whole_checkpoint
from trainer.engine.average import MovingAverage
from trainer.engine.engine import Engine
from trainer.ranks.world import World


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """The checkpoint that a run goes on from."""

    folder: Path
    progress: Progress
    rank_states: list[dict[str, Any]]
    """This rank's; of a checkpoint of another number of ranks, those of all."""


@dataclass(frozen=True, kw_only=True)
class SaveTimes:
    """What saving one checkpoint took, in seconds."""

    stall_s: float
    """Training waited so long."""
    durable_s: float
    """From its beginning until it would have outlived a power failure."""


class Checkpoints:
    """Saves what is trained to a folder, and loads it from there.

    Args:
        folder: of all checkpoints.
        keep: how many of the newest, beside the best.
    """

    def __init__(self, folder: Path, *, engine: Engine, average: MovingAverage, keep: int, world: World) -> None:
        self.folder = folder
        self.engine = engine
        self.average = average
        self.keep = keep
        self.world = world
        self.uploader: Uploader | None = None
        """Sends each checkpoint elsewhere, if it is to."""
        self.newest: int | None = None
        """Position of the checkpoint that was loaded or saved last."""
        self._publisher = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._pending: Future[SaveTimes] | None = None
        self._times: list[SaveTimes] = []

    @cached_property
    def sight(self) -> Sight:
        """Which ranks see this folder. All ranks ask at the same time."""
        return look_around(self.folder, world=self.world)

    def load(self) -> Loaded | None:
        """Go to the newest whole checkpoint, if any; say which newer ones are damaged.

        Raises:
            CheckpointError: there are checkpoints, and none can be loaded.
        """
        sight = self.sight
        if sight.leads(self.world.rank):
            clear_left_over(self.folder)
        whole = newest_whole_checkpoint(self.folder, world=self.world, sight=sight)
        if whole is None:
            return None
        if self.world.is_main:
            for note in whole.notes:
                make_console(stderr=True).print(note)
        with brought(whole.folder, whole.state, sight=sight, world=self.world) as folder:
            progress, states = load_checkpoint(folder, engine=self.engine, average=self.average, world=self.world)
        self.newest = progress.position
        if self.uploader is not None:
            self.uploader.offer_taken(progress.position, best=progress.best)
        return Loaded(folder=whole.folder, progress=progress, rank_states=states)

    def save(self, progress: Progress, *, rank_state: dict[str, Any]) -> None:
        """Begin a checkpoint: when this returns, training can go on; when `wait` returns, it is there for good.

        Args:
            rank_state: JSON values of this rank, which `load` returns.

        Raises:
            CheckpointError: the disk is full or not writable; on all ranks.
        """
        began = time.monotonic()
        self.wait()  # for the one before: there is one at a time
        final = folder_of(self.folder, progress.position)
        rank_states = self.world.gather(rank_state)
        write_checkpoint(final, engine=self.engine, average=self.average, sight=self.sight, world=self.world)
        self.newest = progress.position
        if self.world.is_main:
            stall_s = time.monotonic() - began
            self._pending = self._publisher.submit(self._publish, progress, rank_states, began=began, stall_s=stall_s)
        else:
            self._offer(progress)

    def _offer(self, progress: Progress) -> None:
        if self.uploader is not None:
            self.uploader.offer(progress.position, best=progress.best)

    def _publish(
        self, progress: Progress, rank_states: list[dict[str, Any]], *, began: float, stall_s: float
    ) -> SaveTimes:
        """Runs in the thread."""
        final = folder_of(self.folder, progress.position)
        try:
            with explained(hidden_name(final), final):
                complete_checkpoint(hidden_name(final), progress=progress, rank_states=rank_states)
                publish(hidden_name(final), final)
                durable_s = time.monotonic() - began
                self._offer(progress)
                self._prune(final, best=progress.best)
        except CheckpointError:
            clear(hidden_name(final))
            raise
        return SaveTimes(stall_s=stall_s, durable_s=durable_s)

    def _prune(self, final: Path, *, best: int | None) -> None:
        held = set() if self.uploader is None else self.uploader.held()
        kept = {folder_of(self.folder, position) for position in held}
        prune(final, keep=self.keep, best=None if best is None else folder_of(self.folder, best), held=kept)

    def wait(self) -> None:
        """Wait until the last save is durable. All ranks call it. Raises CheckpointError on all if it failed."""
        with agreed(self.world):
            self._collect()

    def _collect(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            self._times.append(pending.result())

    def times(self) -> dict[str, float]:
        """Of the saves that have ended since the last call the longest, and news of what is sent; empty if none has."""
        if self._pending is not None and self._pending.done() and self._pending.exception() is None:
            self._collect()
        times, self._times = self._times, []
        sent = {} if self.uploader is None else self.uploader.metrics()
        if not times:
            return sent
        return {
            **sent,
            "time/save_stall_s": max(time.stall_s for time in times),
            "time/save_durable_s": max(time.durable_s for time in times),
        }

    def close(self) -> None:
        """End the threads, after the last save. This rank alone. Raises CheckpointError if that save failed."""
        self._publisher.shutdown()
        if self.uploader is not None:
            self.uploader.close()
        self._collect()
