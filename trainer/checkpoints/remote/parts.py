"""Who of several hosts sends which files of a checkpoint, and how the main rank learns that they are there."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from sharding.storage.download import MissingError, read_small
from sharding.storage.place import Url
from sharding.storage.upload import remove_file, send_bytes
from trainer.checkpoints.layout import LARGEST_STATE, STATE_FILE, CheckpointError, CheckpointState, rank_of
from trainer.checkpoints.remote.copy import PARTS, RunCopy
from trainer.checkpoints.sight import Sight

PARTS_S = 600.0
"""Longest time until the other hosts have sent theirs, once the main rank's host has."""
PUBLISHED_S, PUBLISHED_AT_END_S = 300.0, 10.0
"""Longest time until the main rank has given a checkpoint its name; and when no other comes any more."""
_LOOK_S = 1.0


def choose_senders(hosts: Sequence[str], sight: Sight) -> tuple[int, ...]:
    """By rank: who sends its files: the first rank on its host or, where the main rank has all files, that one.

    Args:
        hosts: name of each rank's host, by rank.
        sight: who sees the main rank's folder.
    """
    first: dict[str, int] = {}
    for rank, host in enumerate(hosts):
        if sight.sees_main(rank):
            first.setdefault(host, rank)
    return tuple(first[host] if sight.sees_main(rank) else 0 for rank, host in enumerate(hosts))


def part_of(state: CheckpointState, rank: int, *, senders: Sequence[int]) -> set[str]:
    """The files of a checkpoint that a rank is to send."""
    return {name for name in state.files or () if senders[rank_of(name, state.world_size)] == rank}


def receipt_file(copy: RunCopy, *, token: str, position: int, rank: int) -> Url:
    """Where a rank says that its part is there.

    Args:
        token: of this start of the run, so that no receipt of a former one is taken for its own.
    """
    return copy.url / PARTS / f"{token}-{position:08d}-{rank}.json"


def receipt(state: CheckpointState, names: set[str]) -> bytes:
    """What a rank says: the files that it has sent, with their checksums."""
    return json.dumps({name: asdict((state.files or {})[name]) for name in sorted(names)}, indent=1).encode()


def acknowledge(place: Url, state: CheckpointState, names: set[str], *, stop: threading.Event) -> None:
    """Say that these files are there. Raises as `sharding.storage.upload.send_file`."""
    send_bytes(receipt(state, names), place, stop=stop)


def wait_for_part(place: Url, state: CheckpointState, names: set[str], *, host: str, stop: threading.Event) -> None:
    """Wait until a rank says so.

    Raises:
        CheckpointError: it does not.
        RemoteError, StoppedError: see `sharding.storage.upload.send_file`.
    """
    until, expected = time.monotonic() + PARTS_S, receipt(state, names)
    while time.monotonic() < until:
        try:
            if read_small(place, max_bytes=LARGEST_STATE, stop=stop) == expected:
                remove_file(place, stop=stop)
                return
        except MissingError:
            pass
        stop.wait(_LOOK_S)
    raise CheckpointError(f"host {host} has not sent its part within {PARTS_S:g} s")


def wait_until_published(folder: Path, *, is_closing: Callable[[], bool], is_overtaken: Callable[[], bool]) -> None:
    """Wait until the main rank has given a checkpoint the name that makes it count.

    Raises:
        CheckpointError: it has not; or the next one is there, and this one was removed for it.
    """
    began = time.monotonic()
    while not (folder / STATE_FILE).exists():
        if is_overtaken() or time.monotonic() - began > (PUBLISHED_AT_END_S if is_closing() else PUBLISHED_S):
            raise CheckpointError(f"{folder} is not there")
        time.sleep(_LOOK_S)
