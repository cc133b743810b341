"""Which checkpoint a run goes on from: the newest that is whole. All ranks look, and all take the same."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sharding.storage.records import RecordError
from trainer.checkpoints.layout import (
    CheckpointError,
    CheckpointState,
    check_content,
    check_folder,
    files_of_rank,
    numbered_folders,
    read_state,
)

if TYPE_CHECKING:
    from trainer.checkpoints.sight import Sight
    from trainer.ranks.world import World


@dataclass(frozen=True, kw_only=True)
class WholeCheckpoint:
    """A checkpoint whose files are what was written."""

    folder: Path
    state: CheckpointState
    notes: list[str]
    """What the user should know: which newer ones are damaged, and whether damage of this one could be seen."""


def newest_whole_checkpoint(
    folder: Path, *, world: "World", names: Collection[str] | None = None, sight: "Sight | None" = None
) -> WholeCheckpoint | None:
    """The newest whole one of a run's checkpoints; None if it has none at all.

    Args:
        names: the only files that will be read, and so checked; each rank checks all that it reads if not given.
        sight: who sees the main rank's folder; all ranks if not given.

    Raises:
        CheckpointError: none is whole, or one is a link.
    """
    present = world.gather([path.name for path in numbered_folders(folder)])[0]
    rejected: list[str] = []
    for name in reversed(present):
        found = look_at(folder / name, world=world, names=names, sight=sight)
        if isinstance(found, CheckpointState):
            notes = [f"{reason} {folder / name} is used instead." for reason in rejected]
            return WholeCheckpoint(folder=folder / name, state=found, notes=notes + _doubts(folder / name, found))
        rejected.append(f"{folder / name} is damaged: {found}.")
    if rejected:
        raise CheckpointError(
            "no complete checkpoint is left:\n  " + "\n  ".join(rejected) + "\nPut a copy of one there, or start anew."
        )
    return None


def look_at(
    folder: Path, *, world: "World", names: Collection[str] | None = None, sight: "Sight | None" = None
) -> CheckpointState | str:
    """The state of a checkpoint, on every rank, or what one of them finds wrong with it."""
    blind = [] if sight is None else [rank for rank in range(world.size) if not sight.sees_main(rank)]
    found: CheckpointState | str | None = None
    if world.rank not in blind:
        readers = [world.rank, *blind] if world.is_main else [world.rank]  # the main rank answers for what it sends
        found = _look(folder, ranks=readers, world_size=world.size, names=names)
    faults = [fault for fault in world.gather(found if isinstance(found, str) else None) if fault is not None]
    if blind:
        found = world.gather(found if world.is_main else None)[0]
    if faults or found is None:
        return faults[0]
    return found


def _look(
    folder: Path, *, ranks: Collection[int], world_size: int, names: Collection[str] | None
) -> CheckpointState | str:
    try:
        state = read_state(folder)
        check_folder(folder, state, names=names)
        read = set().union(*(files_of_rank(state, rank=rank, world_size=world_size) for rank in ranks))
        check_content(folder, state, names=read if names is None else set(names))
    except (RecordError, OSError) as error:
        return str(error)
    return state


def _doubts(folder: Path, state: CheckpointState) -> list[str]:
    if state.files is not None:
        return []
    return [f"{folder} was written without checksums: damage of it cannot be seen. The next checkpoint will have them."]
