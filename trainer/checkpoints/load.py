"""Goes back to a checkpoint: networks, optimizers, averages and pools as they were."""

from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch

from sharding.storage.records import RecordError
from trainer.checkpoints.layout import EMA_FILE, CheckpointError, CheckpointState, pools_file, read_state
from trainer.checkpoints.progress import Progress
from trainer.engine.average import MovingAverage
from trainer.engine.engine import Engine
from trainer.engine.tensors import load_tensors
from trainer.losses.pool import ImagePool
from trainer.ranks.world import World

# What torch and DeepSpeed raise on missing and foreign content is not one family of errors.
DAMAGES = (OSError, RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError, AssertionError)
"""What reading a checkpoint raises if it is damaged or another's."""


def load_checkpoint(
    folder: Path, *, engine: Engine, average: MovingAverage, world: World
) -> tuple[Progress, list[dict[str, Any]]]:
    """Restore engine, average and pools.

    Returns:
        How far the run was, and this rank's state; of a checkpoint of another number of ranks, the states of all.

    Raises:
        CheckpointError: a file is damaged.
    """
    state = _read_state(folder)
    load_average(folder, average, device=world.device)
    try:
        engine.load(folder, saved_ranks=state.world_size)
        _load_pools(folder, engine.method.pools, saved_ranks=state.world_size, world=world)
    except DAMAGES as error:
        raise _damaged(folder, error) from error
    same_ranks = state.world_size == world.size
    progress = Progress(position=state.position, step=state.step, standing=state.standing)
    return progress, [state.ranks[world.rank]] if same_ranks else state.ranks


def load_average(folder: Path, average: MovingAverage, *, device: torch.device) -> None:
    """Restore the averaged networks alone. Raises CheckpointError if their file is damaged or of other networks."""
    try:
        average.load_state_dict(load_tensors(folder / EMA_FILE, map_location=device))
    except DAMAGES as error:
        raise _damaged(folder, error) from error


def _read_state(folder: Path) -> CheckpointState:
    try:
        return read_state(folder)
    except RecordError as error:
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: Exception) -> CheckpointError:
    reason = str(error) or type(error).__name__
    return CheckpointError(f"{folder} is damaged: {reason}. Delete it to fall back to an earlier one.")


def _load_pools(folder: Path, pools: Mapping[str, ImagePool], *, saved_ranks: int, world: World) -> None:
    """Each rank's own pools; for another number of ranks, the images of all of them are dealt out anew."""
    if not pools:
        return
    same = saved_ranks == world.size
    ranks = [world.rank] if same else range(saved_ranks)
    states = [load_tensors(pools_file(folder, rank), map_location=world.device) for rank in ranks]
    for name, pool in pools.items():
        rows = zip_longest(*(state[name]["images"] for state in states))  # so that each rank's pool has its share
        images = [image for row in rows for image in row if image is not None]
        pool.load_state_dict({"images": images if same else images[world.rank :: world.size][: pool.size]})
