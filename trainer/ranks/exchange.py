"""Files sent between ranks that share no file system: in pieces, over the control group, checked on arrival."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from sharding.storage.files import create, open_regular
from trainer.ranks.world import World

PIECE_BYTES = 2**24
"""The most that goes from one rank to another between two rounds, and so the most of a file that is in memory."""


class DeliveryError(RuntimeError):
    """A file could not be read, sent or written on one of the ranks. All of them raise it."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One file on its way. Each path means something on its own rank alone."""

    source: int
    """Rank that reads it."""
    target: int
    """Rank that writes it; nothing may be there yet."""
    read_from: Path
    write_to: Path
    num_bytes: int


class _Piece(NamedTuple):
    number: int
    """Of the delivery."""
    offset: int
    size: int


def deliver(deliveries: Sequence[Delivery], *, world: World) -> None:
    """Bring files from rank to rank. All ranks call it, with the same deliveries.

    In rounds, in each of which all ranks take part: a fault on one of them is soon known to all, and none waits longer
    for the others than one round takes.

    Raises:
        DeliveryError: a file cannot be read or written, or is not what was sent.
    """
    courier = _Courier(deliveries, world)
    for pieces in _rounds(deliveries):
        for piece in pieces:
            courier.carry(piece)
        courier.agree()
    courier.compare()


def _rounds(deliveries: Sequence[Delivery]) -> Iterator[list[_Piece]]:
    """In each a piece from each rank that sends to each that it sends to, always in the same order."""
    ways: dict[tuple[int, int], list[_Piece]] = defaultdict(list)
    for number, delivery in enumerate(deliveries):
        ways[delivery.source, delivery.target] += _pieces(number, delivery.num_bytes)
    for pieces in zip_longest(*ways.values()):
        yield [piece for piece in pieces if piece is not None]


def _pieces(number: int, num_bytes: int) -> list[_Piece]:
    """At least one, also of an empty file."""
    offsets = range(0, max(num_bytes, 1), PIECE_BYTES)
    return [_Piece(number, offset, min(PIECE_BYTES, num_bytes - offset)) for offset in offsets]


class _Courier:
    """What one rank reads, sends and writes. After a fault it goes on sending, because others wait for it."""

    def __init__(self, deliveries: Sequence[Delivery], world: World) -> None:
        self._deliveries = deliveries
        self._world = world
        self._fault: str | None = None
        self._read: dict[int, Any] = defaultdict(hashlib.sha256)
        self._written: dict[int, Any] = defaultdict(hashlib.sha256)

    def carry(self, piece: _Piece) -> None:
        """Do this rank's part, if any."""
        delivery, rank = self._deliveries[piece.number], self._world.rank
        if rank not in (delivery.source, delivery.target):
            return
        content = torch.zeros(piece.size, dtype=torch.uint8)
        if rank == delivery.source:
            with self._noting():
                _read(content, delivery.read_from, offset=piece.offset)
            self._read[piece.number].update(content.numpy().data)
        self._send(content, delivery)
        if rank == delivery.target:
            self._written[piece.number].update(content.numpy().data)
            with self._noting():
                _write(content, delivery.write_to, offset=piece.offset)

    def _send(self, content: Tensor, delivery: Delivery) -> None:
        if delivery.source == delivery.target or not len(content):
            return
        if self._world.rank == delivery.source:
            dist.send(content, dst=delivery.target, group=self._world.control)
        else:
            dist.recv(content, src=delivery.source, group=self._world.control)

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._fault = self._fault or str(error)

    def agree(self) -> None:
        """Raise DeliveryError on all ranks if there was a fault on any."""
        for rank, fault in enumerate(self._world.gather(self._fault)):
            if fault is not None:
                raise DeliveryError(f"rank {rank}: {fault}")

    def compare(self) -> None:
        """Raise DeliveryError on all ranks if what was written is not what was read."""
        sent = self._world.gather({number: digest.hexdigest() for number, digest in self._read.items()})
        for number, digest in self._written.items():
            delivery = self._deliveries[number]
            if sent[delivery.source][number] != digest.hexdigest():
                self._fault = f"{delivery.write_to} is not what rank {delivery.source} sent: its checksum does not fit"
        self.agree()


def _read(content: Tensor, path: Path, *, offset: int) -> None:
    with open_regular(path) as file:
        file.seek(offset)
        if file.readinto(content.numpy().data) != len(content):
            raise OSError(f"{path} has become shorter")


def _write(content: Tensor, path: Path, *, offset: int) -> None:
    if offset == 0:
        path.parent.mkdir(parents=True, exist_ok=True)
        create(path).close()
    with path.open("ab") as file:
        file.write(content.numpy().data)
