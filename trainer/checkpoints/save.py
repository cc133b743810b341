"""Writes a checkpoint into a folder that does not count yet: first all ranks together, then the main rank alone."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from sharding.console import command_line
from sharding.storage.records import RecordError
from trainer.checkpoints.layout import (
    EMA_FILE,
    CheckpointError,
    CheckpointState,
    describe_files,
    pools_file,
    write_state,
)
from trainer.checkpoints.progress import Progress
from trainer.checkpoints.publish import clear
from trainer.engine.average import MovingAverage
from trainer.engine.engine import Engine
from trainer.ranks.world import World


def write_checkpoint(
    folder: Path,
    *,
    engine: Engine,
    average: MovingAverage,
    world: World,
) -> None:
    """Write into a new `folder` all that training would change. When the main rank returns, all ranks have written.

    Raises:
        OSError, RuntimeError: see `explained`.
    """
    if world.is_main:
        clear(folder)
        folder.mkdir(parents=True)
    world.barrier()
    engine.save(folder)
    if engine.method.pools:
        pools = {name: pool.state_dict() for name, pool in engine.method.pools.items()}
        torch.save(pools, pools_file(folder, world.rank))
    if world.is_main:
        torch.save(average.state_dict(), folder / EMA_FILE)
    world.barrier()


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


@contextmanager
def explained(temporary: Path, final: Path) -> Iterator[None]:
    """While inside, what goes wrong with the disk is a CheckpointError, and the unfinished folder is removed."""
    try:
        yield
    # torch reports a full disk while it writes a zip archive as RuntimeError; RecordError: it cannot be read back.
    except (OSError, RuntimeError, RecordError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        free_mb = shutil.disk_usage(final.parent).free // 2**20
        raise CheckpointError(
            f"could not write {final}: {error} ({free_mb} MB are free without it). Earlier checkpoints are untouched: "
            f"make room, then continue with: {command_line('diptych', 'train', '--resume', final.parent.parent)}"
        ) from error
