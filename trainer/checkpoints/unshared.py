"""Checkpoints of ranks that do not see the main rank's folder: parts go there, and what they read comes from there."""

import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from trainer.checkpoints.agreement import agreed
from trainer.checkpoints.layout import STATE_FILE, CheckpointError, CheckpointState, files_of_rank, names_in
from trainer.checkpoints.publish import clear, hidden_name, private_name
from trainer.checkpoints.sight import Sight
from trainer.ranks.exchange import Delivery, DeliveryError, deliver
from trainer.ranks.world import World


def own_folder(final: Path, *, sight: Sight, rank: int) -> Path:
    """Where this rank writes its part of a checkpoint."""
    return hidden_name(final) if sight.sees_main(rank) else private_name(final, sight.leaders[rank])


def collect(final: Path, *, sight: Sight, world: World) -> None:
    """Bring what others have written to the main rank's folder of a checkpoint. All ranks call it.

    Raises:
        DeliveryError: it could not be read, sent or written; on all ranks.
    """
    if sight.is_shared:
        return
    leads = sight.leads(world.rank) and not world.is_main
    own = private_name(final, world.rank)
    parts = world.gather(_sizes(own, names_in(own)) if leads else {})
    deliver(
        [
            Delivery(
                source=leader,
                target=0,
                read_from=private_name(final, leader) / name,
                write_to=hidden_name(final) / name,
                num_bytes=num_bytes,
            )
            for leader, sizes in enumerate(parts)
            for name, num_bytes in sizes.items()
        ],
        world=world,
    )


@contextmanager
def brought(folder: Path, state: CheckpointState, *, sight: Sight, world: World) -> Iterator[Path]:
    """Where this rank reads a checkpoint: a copy of what it needs, for a while, if it does not see the main rank's.

    Raises:
        CheckpointError: it could not be sent or written, or was raised inside on any rank; on all ranks.
    """
    if sight.is_shared:
        with agreed(world):
            yield folder
        return
    wanted = {leader: _read_by(ranks, folder, state, world=world) for leader, ranks in sight.strangers.items()}
    with copies(folder, folder, wanted=wanted, sight=sight, world=world) as copy, agreed(world):
        yield copy or folder


@contextmanager
def copies(
    folder: Path, place: Path, *, wanted: Mapping[int, Collection[str]], sight: Sight, world: World
) -> Iterator[Path | None]:
    """Files of the main rank's `folder`, copied beside `place` for the ranks that see it. All ranks call it.

    Args:
        wanted: leader of these ranks -> which files; the main rank's counts.

    Yields where this rank has its copies, None if it has none. They are removed on leaving: agree inside that all have
    read.

    Raises:
        CheckpointError: see `brought`.
    """
    leader = sight.leaders[world.rank]
    own = private_name(place, leader) if leader in world.gather(wanted)[0] else None
    try:
        if own is not None and sight.leads(world.rank):
            clear(own)
            own.mkdir(mode=0o700)
        _send(folder, place, wanted=wanted, world=world)
        yield own
    finally:
        if own is not None and sight.leads(world.rank):
            shutil.rmtree(own, ignore_errors=True)


def _send(folder: Path, place: Path, *, wanted: Mapping[int, Collection[str]], world: World) -> None:
    plan = [
        Delivery(
            source=0,
            target=leader,
            read_from=folder / name,
            write_to=private_name(place, leader) / name,
            num_bytes=num_bytes,
        )
        for leader, names in (wanted if world.is_main else {}).items()
        for name, num_bytes in _sizes(folder, names).items()
    ]
    try:
        deliver(world.gather(plan)[0], world=world)
    except DeliveryError as error:
        raise CheckpointError(f"{folder} could not be sent to ranks that do not see it: {error}") from error


def _read_by(ranks: Collection[int], folder: Path, state: CheckpointState, *, world: World) -> set[str]:
    """All files that these ranks read; known to the main rank."""
    if not world.is_main:
        return set()
    if state.files is None:
        return set(names_in(folder))
    return {STATE_FILE}.union(*(files_of_rank(state, rank=rank, world_size=world.size) for rank in ranks))


def _sizes(folder: Path, names: Collection[str] | Iterator[str]) -> dict[str, int]:
    return {name: (folder / name).lstat().st_size for name in sorted(names)}
