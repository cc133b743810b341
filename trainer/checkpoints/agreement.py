"""Faults on disk that concern all ranks: what one of them finds, all of them raise."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sharding.console import command_line
from sharding.storage.records import RecordError
from trainer.checkpoints.layout import CheckpointError

if TYPE_CHECKING:
    from trainer.ranks.world import World


@contextmanager
def agreed(world: "World") -> Iterator[None]:
    """While inside, a CheckpointError of one rank becomes one of all, as soon as all have come to the end.

    So none waits for a rank that has failed. All ranks enter it.
    """
    fault: CheckpointError | None = None
    try:
        yield
    except CheckpointError as error:
        fault = error
    faults = world.gather(None if fault is None else str(fault))
    for rank, text in enumerate(faults):
        if text is not None:
            raise CheckpointError(text if world.size == 1 else f"rank {rank}: {text}") from fault


@contextmanager
def explained(temporary: Path, final: Path) -> Iterator[None]:
    """While inside, what goes wrong with the disk is a CheckpointError, which says how to go on.

    Args:
        temporary: where the checkpoint is written.
        final: what it is to become.
    """
    try:
        yield
    # torch reports a full disk while it writes a zip archive as RuntimeError; RecordError: it cannot be read back.
    except (OSError, RuntimeError, RecordError) as error:
        free_mb = _free_without(temporary) // 2**20
        raise CheckpointError(
            f"could not write {final}: {error} ({free_mb} MB are free without it). Earlier checkpoints are untouched: "
            f"make room, then continue with: {command_line('diptych', 'train', '--resume', final.parent.parent)}"
        ) from error


def _free_without(temporary: Path) -> int:
    """Bytes that are free once this folder is removed."""
    there = next(path for path in temporary.absolute().parents if path.exists())
    used = 0
    for folder, _, names in os.walk(temporary):
        for name in names:
            try:
                used += os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118  as os.walk has it
            except OSError:  # another rank removes it
                continue
    return shutil.disk_usage(there).free + used
