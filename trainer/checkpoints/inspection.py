"""The checkpoints of a run, looked at: which are whole, which is the newest and which the best, and which can go.

Imports no torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sharding.storage.place import Place
from sharding.storage.records import RecordError
from trainer.checkpoints.layout import (
    STATE_FILE,
    CheckpointState,
    check_content,
    check_folder,
    names_in,
    numbered_folders,
    read_state,
)
from trainer.checkpoints.publish import remove
from trainer.config.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Found:
    """A checkpoint, or what has the name of one."""

    place: Place
    position: int
    """Images that the run had seen."""
    state: CheckpointState | None
    """None if it is damaged so that it cannot be read, or was made by a later version."""
    fault: str = ""
    """What is wrong with it; empty if it is whole, as far as was looked."""
    is_damaged: bool = False
    """Not so what a later version made."""
    num_bytes: int = 0
    saved: float = 0.0
    """When its state was written, in seconds since 1970; 0 if it has none."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing was found wrong with it."""
        return self.state is not None and not self.fault

    @property
    def has_no_checksums(self) -> bool:
        """Whether damage of it could not be seen, because an early version wrote it."""
        return self.state is not None and self.state.files is None


def examine(folder: Path, *, reads_all: bool) -> Found:
    """Look at one checkpoint.

    Args:
        reads_all: all bytes, and not only names and sizes.
    """
    state: CheckpointState | None = None
    fault, is_damaged = "", False
    try:
        state = read_state(folder)
        check_folder(folder, state)
        if reads_all:
            check_content(folder, state, names=set(state.files or ()))
    except (RecordError, OSError) as error:
        fault, is_damaged = str(error), True
    except ConfigError as error:
        fault = str(error)
    num_bytes, saved = _measured(folder)
    return Found(
        place=folder,
        position=int(folder.name),
        state=state,
        fault=fault,
        is_damaged=is_damaged,
        num_bytes=num_bytes,
        saved=saved,
    )


def _measured(folder: Path) -> tuple[int, float]:
    """Bytes of all files, and when the state was written, as far as can be told."""
    try:
        num_bytes = sum((folder / name).lstat().st_size for name in names_in(folder))
        return num_bytes, (folder / STATE_FILE).lstat().st_mtime
    except (RecordError, OSError):
        return 0, 0.0


def examine_all(checkpoints: Path, *, reads_all: bool = False) -> list[Found]:
    """Look at all checkpoints of a run, oldest first. Raises CheckpointError if one is a link."""
    return [examine(folder, reads_all=reads_all) for folder in numbered_folders(checkpoints)]


def newest_position(found: Sequence[Found]) -> int | None:
    """Of the newest that is whole, with which the run goes on; None if none is."""
    return max((each.position for each in found if each.is_whole), default=None)


def best_position(found: Sequence[Found]) -> int | None:
    """Of the one that is kept as the best, as the newest whole one has it; None if there is none."""
    newest = newest_position(found)
    states = [each.state for each in found if each.is_whole and each.position == newest]
    standing = states[0].standing if states and states[0] is not None else None
    return None if standing is None else standing.best


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """What is to become of the checkpoints of a run."""

    kept: list[Found]
    removed: list[Found]
    damaged: list[Found]
    """Neither counted nor removed."""


def plan_pruning(checkpoints: Path, *, keep: int) -> Pruning:
    """Keep the `keep` newest whole ones, and the best.

    Of those that stay all bytes are read: what looks whole and is not must not be why another one goes.

    Raises:
        CheckpointError: one is a link.
    """
    waiting, kept, damaged = list(reversed(numbered_folders(checkpoints))), [], []
    while waiting and len(kept) < keep:
        each = examine(waiting.pop(0), reads_all=True)
        (kept if each.is_whole else damaged).append(each)
    best = best_position(kept)
    rest = [examine(folder, reads_all=False) for folder in waiting]
    damaged += [each for each in rest if not each.is_whole]
    kept += [each for each in rest if each.is_whole and each.position == best]
    removed = [each for each in rest if each.is_whole and each.position != best] if kept else []
    return Pruning(kept=kept, removed=removed, damaged=damaged)


def carry_out(pruning: Pruning) -> None:
    """Remove what is to go, so that it is there whole or not at all. Raises OSError."""
    for each in pruning.removed:
        assert isinstance(each.place, Path)
        remove(each.place)
