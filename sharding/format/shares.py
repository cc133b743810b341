"""Shares of samples that their names' hashes decide: the same for whoever asks, whatever order samples come in."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from sharding.format.names import name_bytes


def name_hash(name: str) -> bytes:
    """SHA-256 of a sample's name, which says where it stands among the others: 32 bytes."""
    return hashlib.sha256(name_bytes(name)).digest()


@dataclass(frozen=True)
class Share:
    """A share of samples in the order of their names' hashes: those from number `start` up to `stop`, as of a slice."""

    start: int = 0
    stop: int | None = None

    @property
    def is_all(self) -> bool:
        return self.start == 0 and self.stop is None

    def of(self, names: Iterable[str]) -> set[str]:
        """The names of the share. A name that occurs twice counts once, so that no two shares have it in common."""
        return set(sorted(set(names), key=name_hash)[self.start : self.stop])


ALL = Share()
"""Every sample."""
