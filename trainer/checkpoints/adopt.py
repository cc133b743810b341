"""Gives a run the weights of another's checkpoint of the same position, as if they were its own. Imports no torch."""

import shutil
from dataclasses import replace
from pathlib import Path

from trainer.checkpoints.layout import (
    CheckpointState,
    check_content,
    check_folder,
    checkpoint_folders,
    folder_of,
    read_state,
    write_state,
)
from trainer.checkpoints.publish import clear, hidden_name, publish


def adopt(source: Path, checkpoints: Path) -> None:
    """Put a copy of a checkpoint among those of another run, in place of its own of that position.

    Networks, averages, states of the optimizers and histories of generated images are the source's. What the run keeps
    of its own past stays, if it has a checkpoint of this position: what it has measured since its last log line, the
    time that it has trained, its best checkpoint.

    Args:
        source: a checkpoint of a run with the same networks, which nobody removes meanwhile.
        checkpoints: the folder of all checkpoints of the run, which nobody trains meanwhile.

    Raises:
        RecordError: the source is damaged.
        OSError: it could not be copied.
        CheckpointError: a folder is a link.
    """
    state = read_state(source)
    check_folder(source, state)
    final = folder_of(checkpoints, state.position)
    own = read_state(final) if final in checkpoint_folders(checkpoints) else None
    hidden = hidden_name(final)
    clear(hidden)
    for name in state.files or ():
        (hidden / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, hidden / name)
    check_content(hidden, state, names=set(state.files or ()))
    write_state(hidden, _with_its_own_past(state, own))
    publish(hidden, final)


def _with_its_own_past(state: CheckpointState, own: CheckpointState | None) -> CheckpointState:
    if own is None or own.world_size != state.world_size:
        return replace(state, standing=None)
    return replace(state, ranks=own.ranks, standing=own.standing)
