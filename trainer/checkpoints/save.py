"""Checkpoints: all that an exact resume needs, in one directory that is complete or absent.

    checkpoints/00002000/           after 2000 images
        discriminator/ generator/   weights and optimizer state, one DeepSpeed engine each
        ema.pt                      averaged generators
        pools-0000.pt               histories of generated images, one file for each rank of methods that have them
        state.json                  position, number of steps, what each rank keeps between two log lines, and the
                                    checksums of all these files: see `trainer.checkpoints.files`

Order, crops, noise, curriculum and learning rate are functions of the position, so nothing of them is stored.
"""

import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch

from sharding.console import command_line
from sharding.storage.files import sync
from sharding.storage.records import RecordError
from trainer.checkpoints.files import (
    STATE_FILE,
    CheckpointError,
    CheckpointState,
    StoredFile,
    checkpoint_folders,
    describe_file,
    describe_files,
    latest_checkpoint,
    read_state,
    write_state,
)
from trainer.engine.average import MovingAverage
from trainer.engine.engine import Engine
from trainer.engine.tensors import load_tensors
from trainer.losses.pool import ImagePool
from trainer.ranks.world import World

__all__ = [
    "EMA_FILE",
    "STATE_FILE",
    "CheckpointError",
    "Progress",
    "checkpoint_folders",
    "latest_checkpoint",
    "load_average",
    "load_checkpoint",
    "save_checkpoint",
]

EMA_FILE = "ema.pt"
# What torch and DeepSpeed raise on missing and foreign content is not one family of errors.
_DAMAGES = (OSError, RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError, AssertionError)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is."""

    position: int = 0
    """Images that the whole job has seen."""
    step: int = 0
    """Optimizer steps that it has made: players with a period count them."""


def save_checkpoint(
    folder: Path,
    *,
    progress: Progress,
    engine: Engine,
    average: MovingAverage,
    rank_state: dict[str, Any],
    keep: int,
    world: World,
) -> Path:
    """Write the checkpoint of `progress` under a temporary name, then rename it; drop all but the `keep` newest.

    Args:
        rank_state: JSON values of this rank, returned to the same rank, or to all of another number of them, by
            `load_checkpoint`.

    Raises:
        CheckpointError: the disk is full or not writable.
    """
    final = folder / f"{progress.position:08d}"
    temporary = _hidden(final)
    rank_states = world.gather(rank_state)
    try:
        if world.is_main:
            _clear(temporary)
            temporary.mkdir(parents=True)
        world.barrier()
        files = _write_parts(temporary, engine=engine, world=world)
        if world.is_main:
            torch.save(average.state_dict(), temporary / EMA_FILE)
            files[EMA_FILE] = describe_file(temporary / EMA_FILE)
            write_state(temporary, _state_of(progress, rank_states, files))
            _publish(temporary, final)
            _prune(final, keep=keep)
    # torch reports a full disk while it writes a zip archive as RuntimeError; RecordError: it cannot be read back.
    except (OSError, RuntimeError, RecordError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        free_mb = shutil.disk_usage(folder).free // 2**20
        raise CheckpointError(
            f"could not write {final}: {error} ({free_mb} MB are free without it). Earlier checkpoints are untouched: "
            f"make room, then continue with: {command_line('diptych', 'train', '--resume', folder.parent)}"
        ) from error
    world.barrier()
    return final


def _write_parts(folder: Path, *, engine: Engine, world: World) -> dict[str, StoredFile]:
    """What is in all ranks' files, of which each rank writes its own and reads them back."""
    engine.save(folder)
    if engine.method.pools:
        torch.save({name: pool.state_dict() for name, pool in engine.method.pools.items()}, _pools(folder, world.rank))
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
    )


def _publish(temporary: Path, final: Path) -> None:
    """Bring everything to the disk before the name that makes it count."""
    for path in [*temporary.rglob("*"), temporary]:
        sync(path)
    if final in checkpoint_folders(final.parent):
        shutil.rmtree(final)
    elif final.exists():  # not ours, or without its state: nothing of it is removed
        final.rename(final.with_name(f"{final.name}.replaced-{secrets.token_hex(4)}"))
    temporary.rename(final)
    sync(final.parent)


def _prune(newest: Path, *, keep: int) -> None:
    """Remove all but the `keep` newest. Those of later positions are damaged: else the run had gone on from there."""
    folders = [path for path in checkpoint_folders(newest.parent) if int(path.name) <= int(newest.name)]
    for old in folders[:-keep]:
        hidden = _hidden(old)
        _clear(hidden)
        old.rename(hidden)  # half removed it would pass for a damaged one
        shutil.rmtree(hidden)


def _hidden(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.tmp")


def _clear(path: Path) -> None:
    """Remove what a killed save has left. A link is removed, and never what it leads to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def load_checkpoint(
    folder: Path, *, engine: Engine, average: MovingAverage, world: World
) -> tuple[Progress, list[dict[str, Any]]]:
    """Restore engine, average and pools.

    Returns:
        How far the run was, and this rank's state; of a checkpoint of another number of ranks, the states of all.

    Raises:
        CheckpointError: it is of another number of ranks and ZeRO 3 has split it, or a file is damaged.
    """
    state = _read_state(folder)
    if state.world_size != world.size and engine.zero_stage == 3:
        raise CheckpointError(
            f"{folder} was written by {state.world_size} ranks with ZeRO stage 3, which splits the weights over "
            f"them; this run has {world.size}. Start {state.world_size} ranks, or a new run with engine.zero_stage "
            "0 to 2, which goes on with any number."
        )
    load_average(folder, average, device=world.device)
    try:
        engine.load(folder, saved_ranks=state.world_size)
        _load_pools(folder, engine.method.pools, saved_ranks=state.world_size, world=world)
    except _DAMAGES as error:
        raise _damaged(folder, error) from error
    same_ranks = state.world_size == world.size
    progress = Progress(position=state.position, step=state.step)
    return progress, [state.ranks[world.rank]] if same_ranks else state.ranks


def load_average(folder: Path, average: MovingAverage, *, device: torch.device) -> None:
    """Restore the averaged networks alone. Raises CheckpointError if their file is damaged or of other networks."""
    try:
        average.load_state_dict(load_tensors(folder / EMA_FILE, map_location=device))
    except _DAMAGES as error:
        raise _damaged(folder, error) from error


def _read_state(folder: Path) -> CheckpointState:
    try:
        return read_state(folder)
    except RecordError as error:
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: Exception) -> CheckpointError:
    reason = str(error) or type(error).__name__
    return CheckpointError(f"{folder} is damaged: {reason}. Delete it to fall back to an earlier one.")


def _pools(folder: Path, rank: int) -> Path:
    return folder / f"pools-{rank:04d}.pt"


def _load_pools(folder: Path, pools: Mapping[str, ImagePool], *, saved_ranks: int, world: World) -> None:
    """Each rank's own pools; for another number of ranks, the images of all of them are dealt out anew."""
    if not pools:
        return
    same = saved_ranks == world.size
    ranks = [world.rank] if same else range(saved_ranks)
    states = [load_tensors(_pools(folder, rank), map_location=world.device) for rank in ranks]
    for name, pool in pools.items():
        rows = zip_longest(*(state[name]["images"] for state in states))  # so that each rank's pool has its share
        images = [image for row in rows for image in row if image is not None]
        pool.load_state_dict({"images": images if same else images[world.rank :: world.size][: pool.size]})
