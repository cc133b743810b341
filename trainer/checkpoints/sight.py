"""Which ranks see the same folder: those of one machine, or all where machines share a file system."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sharding.storage.files import TEMPORARY, create
from trainer.checkpoints.agreement import agreed
from trainer.checkpoints.layout import CheckpointError
from trainer.ranks.world import World


@dataclass(frozen=True)
class Sight:
    """Who sees which folder of the same path."""

    leaders: tuple[int, ...]
    """By rank: the first of the ranks that see the folder that it sees. The main rank, 0, leads those that see its."""

    @property
    def is_shared(self) -> bool:
        """Whether all ranks see one folder."""
        return not any(self.leaders)

    @property
    def strangers(self) -> Mapping[int, list[int]]:
        """Of those that do not see the main rank's folder: the ranks that see each leader's."""
        groups: dict[int, list[int]] = {}
        for rank, leader in enumerate(self.leaders):
            if leader:
                groups.setdefault(leader, []).append(rank)
        return groups

    def sees_main(self, rank: int) -> bool:
        """Whether this rank sees the main rank's folder."""
        return self.leaders[rank] == 0

    def leads(self, rank: int) -> bool:
        """Whether this rank is the first of those that see its folder: there it makes and removes what is of all."""
        return self.leaders[rank] == rank


def look_around(folder: Path, *, world: World) -> Sight:
    """Make `folder` where it is missing, and find out who sees the same. All ranks call it.

    Each rank leaves a mark there under a name that nobody else can have, and looks for those of the others.

    Raises:
        CheckpointError: a rank cannot write there.
    """
    if world.size == 1:
        return Sight((0,))
    mark = folder / TEMPORARY.format(secrets.token_hex(16))
    with agreed(world):
        _leave(mark)
    try:
        marks = world.gather(mark.name)
        first = next(rank for rank, name in enumerate(marks) if (folder / name).exists())
        seen = world.gather(first)  # until all have looked
    finally:
        mark.unlink(missing_ok=True)
    # A rank that sees the mark of one that itself sees an earlier one, but not that, keeps to itself.
    return Sight(tuple(leader if seen[leader] == leader else rank for rank, leader in enumerate(seen)))


def _leave(mark: Path) -> None:
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        create(mark).close()
    except OSError as error:
        raise CheckpointError(f"{mark.parent} cannot be written to: {error.strerror}.") from error
