"""Writes a checkpoint: what all ranks do together, in a folder that does not count yet."""

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
    StoredFile,
    describe_file,
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
    progress: Progress,
    engine: Engine,
    average: MovingAverage,
    rank_state: dict[str, Any],
    world: World,
) -> None:
    """Write all files of a checkpoint into a new `folder`. When the main rank returns, all ranks have written.

    Args:
        rank_state: JSON values of this rank, returned to the same rank, or to all of another number of them, by
            `load_checkpoint`.

    Raises:
        OSError, RuntimeError, RecordError: see `explained`.
    """
    rank_states = world.gather(rank_state)
    if world.is_main:
        clear(folder)
        folder.mkdir(parents=True)
    world.barrier()
    files = _write_parts(folder, engine=engine, world=world)
    if world.is_main:
        torch.save(average.state_dict(), folder / EMA_FILE)
        files[EMA_FILE] = describe_file(folder / EMA_FILE)
        write_state(folder, _state_of(progress, rank_states, files))


def _write_parts(folder: Path, *, engine: Engine, world: World) -> dict[str, StoredFile]:
    """What is in all ranks' files, of which each rank writes its own and reads them back."""
    engine.save(folder)
    if engine.method.pools:
        torch.save(
            {name: pool.state_dict() for name, pool in engine.method.pools.items()}, pools_file(folder, world.rank)
        )
    world.barrier()
    parts = world.gather(describe_files(folder, rank=world.rank, world_size=world.size))
    return {name: file for part in parts for name, file in part.items()}


def _state_of(progress: Progress, rank_states: list[dict[str, Any]], files: dict[str, StoredFile]) -> CheckpointState:
    return CheckpointState(
        position=progress.position,
        step=progress.step,
        world_size=len(rank_states),
        ranks=rank_states,
        files=dict(sorted(files.items())),
        standing=progress.standing,
    )


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
