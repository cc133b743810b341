"""Checkpoints: all that an exact resume needs, in one directory that is complete or absent.

    checkpoints/00002000/           after 2000 images
        discriminator/ generator/   weights and optimizer state, one DeepSpeed engine each
        ema.pt                      averaged generators
        pools-0000.pt               histories of generated images, one file for each rank of methods that have them
        state.json                  position, number of steps, and what each rank keeps between two log lines

Order, crops, noise, curriculum and learning rate are functions of the position, so nothing of them is stored.
"""

import json
import pickle
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch

from sharding.console import command_line
from sharding.storage.files import sync
from trainer.ema import MovingAverage
from trainer.engine import Engine
from trainer.losses.pool import ImagePool
from trainer.world import World

EMA_FILE = "ema.pt"
STATE_FILE = "state.json"
# What torch and DeepSpeed raise on missing and damaged files is not one family of errors.
_DAMAGES = (OSError, RuntimeError, EOFError, ValueError, LookupError, AssertionError, pickle.UnpicklingError)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is."""

    position: int = 0
    """Images that the whole job has seen."""
    step: int = 0
    """Optimizer steps that it has made: players with a period count them."""


class CheckpointError(RuntimeError):
    """A checkpoint could not be written or read; earlier ones are as they were."""


def checkpoint_folders(folder: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    return sorted(path for path in folder.glob("[0-9]*") if (path / STATE_FILE).is_file())


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint, if any."""
    folders = checkpoint_folders(folder)
    return folders[-1] if folders else None


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
    temporary = folder / f".{final.name}.tmp"
    rank_states = world.gather(rank_state)
    try:
        if world.is_main:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
        world.barrier()
        engine.save(temporary)
        if engine.method.pools:
            torch.save(
                {name: pool.state_dict() for name, pool in engine.method.pools.items()}, _pools(temporary, world.rank)
            )
        world.barrier()
        if world.is_main:
            _write_common(temporary, progress=progress, average=average, rank_states=rank_states)
            _publish(temporary, final)
            for old in checkpoint_folders(folder)[:-keep]:
                shutil.rmtree(old)
    # torch reports a full disk while it writes a zip archive as RuntimeError.
    except (OSError, RuntimeError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        free_mb = shutil.disk_usage(folder).free // 2**20
        raise CheckpointError(
            f"could not write {final}: {error} ({free_mb} MB are free without it). Earlier checkpoints are untouched: "
            f"make room, then continue with: {command_line('diptych', 'train', '--resume', folder.parent)}"
        ) from error
    world.barrier()
    return final


def _write_common(
    folder: Path, *, progress: Progress, average: MovingAverage, rank_states: list[dict[str, Any]]
) -> None:
    torch.save(average.state_dict(), folder / EMA_FILE)
    state = {**asdict(progress), "world_size": len(rank_states), "ranks": rank_states}
    (folder / STATE_FILE).write_text(json.dumps(state))


def _publish(temporary: Path, final: Path) -> None:
    """Bring everything to the disk before the name that makes it count."""
    for path in [*temporary.rglob("*"), temporary]:
        sync(path)
    if final.exists():
        shutil.rmtree(final)
    temporary.rename(final)
    sync(final.parent)


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
    if state["world_size"] != world.size and engine.zero_stage == 3:
        raise CheckpointError(
            f"{folder} was written by {state['world_size']} ranks with ZeRO stage 3, which splits the weights over "
            f"them; this run has {world.size}. Start {state['world_size']} ranks, or a new run with engine.zero_stage "
            "0 to 2, which goes on with any number."
        )
    load_average(folder, average, device=world.device)
    try:
        engine.load(folder, saved_ranks=state["world_size"])
        _load_pools(folder, engine.method.pools, saved_ranks=state["world_size"], world=world)
    except _DAMAGES as error:
        raise _damaged(folder, error) from error
    states = state["ranks"]
    same_ranks = state["world_size"] == world.size
    progress = Progress(position=state["position"], step=state["step"])
    return progress, [states[world.rank]] if same_ranks else states


def load_average(folder: Path, average: MovingAverage, *, device: torch.device) -> None:
    """Restore the averaged networks alone. Raises CheckpointError if their file is damaged or of other networks."""
    try:
        average.load_state_dict(torch.load(folder / EMA_FILE, map_location=device, weights_only=True))
    except _DAMAGES as error:
        raise _damaged(folder, error) from error


def _read_state(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / STATE_FILE).read_text())
    except _DAMAGES as error:
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: Exception) -> CheckpointError:
    # torch's own words on a file that is no archive advise against safety.
    is_strange = isinstance(error, pickle.UnpicklingError)
    reason = "a file in it is not what torch wrote" if is_strange else str(error) or type(error).__name__
    return CheckpointError(f"{folder} is damaged: {reason}. Delete it to fall back to an earlier one.")


def _pools(folder: Path, rank: int) -> Path:
    return folder / f"pools-{rank:04d}.pt"


def _load_pools(folder: Path, pools: Mapping[str, ImagePool], *, saved_ranks: int, world: World) -> None:
    """Each rank's own pools; for another number of ranks, the images of all of them are dealt out anew."""
    if not pools:
        return
    same = saved_ranks == world.size
    ranks = [world.rank] if same else range(saved_ranks)
    states = [torch.load(_pools(folder, rank), map_location=world.device, weights_only=True) for rank in ranks]
    for name, pool in pools.items():
        rows = zip_longest(*(state[name]["images"] for state in states))  # so that each rank's pool has its share
        images = [image for row in rows for image in row if image is not None]
        pool.load_state_dict({"images": images if same else images[world.rank :: world.size][: pool.size]})
