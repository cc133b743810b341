"""Which samples, bytes and crops make up a batch: pure functions of its number, because DALI asks ahead."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.data.dali import EncodedView
from trainer.data.order import Order, SampleRef, augmentation
from trainer.data.prefetch import Prefetcher
from trainer.data.reader import ShardReader
from trainer.randomness import derive_seed


class Placement(NamedTuple):
    """Where the crops of N samples lie, and what noise they get."""

    corners: NDArray[np.int32]
    """[N, 2] row and column of the upper left pixel."""
    flips: NDArray[np.int32]
    """[N] 1 to mirror, else 0."""
    noise_seeds: NDArray[np.int64]
    """[N]"""


def random_placement(seed: int, positions: range, *, num_free: int, flip: bool, strand: int = 0) -> Placement:
    """At some positions, in images that are `num_free` pixels larger than the crop."""
    drawn = augmentation(seed, positions, strand=strand)
    corners = np.stack([drawn.crop_y, drawn.crop_x], axis=1) * (num_free + 1)
    return Placement(
        corners=corners.astype(np.int32),
        flips=(drawn.flip & flip).astype(np.int32),
        noise_seeds=noise_seeds(seed, positions),
    )


def centre_placement(positions: range, *, num_free: int) -> Placement:
    """Crops from the middle, not flipped."""
    return Placement(
        corners=np.full((len(positions), 2), num_free // 2, np.int32),
        flips=np.zeros(len(positions), np.int32),
        noise_seeds=noise_seeds("evaluation", positions),
    )


def noise_seeds(seed: int | str, positions: range) -> NDArray[np.int64]:
    """Of the noise in degraded inputs."""
    return np.array([derive_seed(seed, "degrade", position) for position in positions], dtype=np.int64)


class Strand:
    """One endless sequence of samples. A batch of pairs is cut from one, an unpaired one from two.

    Args:
        reader: of the samples; what it reads of one sample stays together.
        order: which sample stands at a position.
        place: where the crops at some positions lie.
        prefetcher: of a remote data set; closed with the strand.
    """

    def __init__(
        self,
        reader: ShardReader,
        order: Order,
        *,
        place: Callable[[range], Placement],
        prefetcher: Prefetcher | None = None,
    ) -> None:
        self.reader = reader
        self.order = order
        self._place = place
        self._prefetcher = prefetcher

    def samples(self, positions: range) -> list[SampleRef]:
        """Where the samples lie."""
        return [self.order.at(position) for position in positions]

    def encoded(self, positions: range) -> list[EncodedView]:
        """Each view of the samples."""
        if self._prefetcher is not None:
            self._prefetcher.advance(positions.start)
        samples = [self.reader.read(sample.shard, sample.index) for sample in self.samples(positions)]
        corners, flips, seeds = self._place(positions)
        return [
            EncodedView(
                files=[np.frombuffer(sample[view], np.uint8) for sample in samples],
                corners=corners,
                flips=flips,
                noise_seeds=seeds,
            )
            for view in self.reader.views
        ]

    def keys(self, positions: range) -> tuple[str, ...]:
        """The names of the samples."""
        return tuple(self.reader.key(sample.shard, sample.index) for sample in self.samples(positions))

    def labels(self, positions: range) -> list[int]:
        """The labels of the samples, in a reader with a label."""
        return [self.reader.label(sample.shard, sample.index) for sample in self.samples(positions)]

    def close(self) -> None:
        """Close the files."""
        if self._prefetcher is not None:
            self._prefetcher.close()
        self.reader.close()


class BatchSource:
    """The encoded batches 0, 1, 2 ... of one rank.

    Args:
        strands: that the batch is cut from, with the views in their order.
        positions: batch number -> positions of its samples; empty after the last.
    """

    def __init__(self, strands: Sequence[Strand], *, positions: Callable[[int], range]) -> None:
        self.strands = strands
        self.positions = positions

    def __call__(self, number: int) -> list[EncodedView]:
        positions = self.positions(number)
        if not positions:
            raise StopIteration
        return [view for strand in self.strands for view in strand.encoded(positions)]

    def locate(self, number: int, *, row: int, column: int) -> str:
        """The tar, the sample and the view of one image of a batch, for messages."""
        columns = [(strand, view) for strand in self.strands for view in strand.reader.views]
        strand, view = columns[column]
        sample = strand.order.at(self.positions(number)[row])
        return f"{strand.reader.locate(sample.shard, sample.index)}: view {view!r}"

    def close(self) -> None:
        """Close the files."""
        for strand in self.strands:
            strand.close()
