"""Writes a checkpoint into a folder that does not count yet: first all ranks together, then the main rank alone."""

import shutil
from pathlib import Path
from typing import Any

import torch

from trainer.checkpoints.agreement import agreed, explained
from trainer.checkpoints.layout import (
    EMA_FILE,
    CheckpointError,
    CheckpointState,
    describe_files,
    pools_file,
    write_state,
)
from trainer.checkpoints.progress import Progress
from trainer.checkpoints.publish import clear, hidden_name
from trainer.checkpoints.sight import Sight
from trainer.checkpoints.unshared import collect, own_folder
from trainer.engine.average import MovingAverage
from trainer.engine.engine import Engine
from trainer.ranks.world import World


def write_checkpoint(final: Path, *, engine: Engine, average: MovingAverage, sight: Sight, world: World) -> None:
    """Write all that training would change. When the main rank returns, all of it lies in `hidden_name(final)` there.

    Each rank writes its own part; where the main rank does not see it, it is brought there.

    Raises:
        CheckpointError: a rank could not write; on all ranks. Nothing is left of it.
    """
    own, leads = own_folder(final, sight=sight, rank=world.rank), sight.leads(world.rank)
    try:
        with agreed(world), explained(own, final):
            if leads:
                clear(own)
                own.mkdir(parents=True)
        with agreed(world), explained(own, final):
            _write_part(own, engine=engine, average=average, world=world)
        with agreed(world), explained(hidden_name(final), final):
            collect(final, sight=sight, world=world)
    except CheckpointError:
        if leads:
            shutil.rmtree(own, ignore_errors=True)
        raise
    if leads and own != hidden_name(final):
        shutil.rmtree(own, ignore_errors=True)


def _write_part(folder: Path, *, engine: Engine, average: MovingAverage, world: World) -> None:
    """What of a checkpoint is this rank's."""
    engine.save(folder)
    if engine.method.pools:
        pools = {name: pool.state_dict() for name, pool in engine.method.pools.items()}
        torch.save(pools, pools_file(folder, world.rank))
    if world.is_main:
        torch.save(average.state_dict(), folder / EMA_FILE)


def complete_checkpoint(folder: Path, *, progress: Progress, rank_states: list[dict[str, Any]]) -> None:
    """Read back what all ranks have written, and add the state that vouches for it.

    Raises:
        OSError, RecordError: see `explained`.
    """
    state = CheckpointState(
        position=progress.position,
        step=progress.step,
        world_size=len(rank_states),
        ranks=rank_states,
        files=describe_files(folder),
        standing=progress.standing,
    )
    write_state(folder, state)
