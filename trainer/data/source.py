"""Which samples, bytes and crops make up a batch: pure functions of its number, because DALI asks ahead."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sharding.reading.reader import ShardReader
from trainer.data.order import Order, SampleRef, augmentation
from trainer.data.prefetch import Prefetcher
from trainer.data.randomness import derive_seed
from trainer.data.spec import EncodedView

MIDDLE = 0.5 - 1e-9
"""As a place of a crop: leaves the odd pixel, if there is one, below and to the right."""


class Placement(NamedTuple):
    """What is done to N samples: the same to all views of one. Fields as of `EncodedView`."""

    places: NDArray[np.float64]
    flips: NDArray[np.int32]
    turns: NDArray[np.int32]
    light: NDArray[np.float32]
    noise_seeds: NDArray[np.int64]


def random_placement(seed: int, positions: range, *, flip: bool, strand: int = 0) -> Placement:
    """How crops lie at some positions. Whether turns and light are used is the pipeline's business."""
    drawn = augmentation(seed, positions, strand=strand)
    return Placement(
        places=np.stack([drawn.crop_y, drawn.crop_x], axis=1, dtype=np.float64),
        flips=(drawn.flip & flip).astype(np.int32),
        turns=drawn.turns,
        light=2 * np.stack(drawn[4:], axis=1, dtype=np.float32) - 1,
        noise_seeds=noise_seeds(seed, positions),
    )


def centre_placement(positions: range) -> Placement:
    """Crops from the middle, as they are."""
    num = len(positions)
    return Placement(
        places=np.full((num, 2), MIDDLE),
        flips=np.zeros(num, np.int32),
        turns=np.zeros(num, np.int32),
        light=np.zeros((num, 4), np.float32),
        noise_seeds=noise_seeds("evaluation", positions),
    )


def noise_seeds(seed: int | str, positions: range) -> NDArray[np.int64]:
    """Seeds of the noise in degraded inputs."""
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
        self.reading_s = 0.0
        """Seconds that went into reading files, and into fetching them if they lie elsewhere."""

    def samples(self, positions: range) -> list[SampleRef]:
        """Where the samples lie."""
        return [self.order.at(position) for position in positions]

    def encoded(self, positions: range) -> list[EncodedView]:
        """Each view of the samples."""
        began = time.perf_counter()
        if self._prefetcher is not None:
            self._prefetcher.advance(positions.start)
        samples = [self.reader.read(sample.shard, sample.index) for sample in self.samples(positions)]
        self.reading_s += time.perf_counter() - began
        placement = self._place(positions)._asdict()
        return [
            EncodedView(files=[np.frombuffer(sample[view], np.uint8) for sample in samples], **placement)
            for view in self.reader.views
        ]

    def keys(self, positions: range) -> tuple[str, ...]:
        """The names of the samples."""
        return tuple(self.reader.key(sample.shard, sample.index) for sample in self.samples(positions))

    def labels(self, positions: range) -> dict[str, list[int]]:
        """Each label that the reader reads of the samples."""
        if not self.reader.label_names:
            return {}
        values = [self.reader.labels(sample.shard, sample.index) for sample in self.samples(positions)]
        return dict(zip(self.reader.label_names, map(list, zip(*values, strict=True)), strict=True))

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

    @property
    def reading_s(self) -> float:
        """Seconds that went into reading files so far, while others were decoded and trained on."""
        return sum(strand.reading_s for strand in self.strands)

    def locate(self, number: int, *, row: int, column: int | None) -> str:
        """The tar, the sample and the view of one image of a batch (None: all views), for messages."""
        columns = [(strand, view) for strand in self.strands for view in strand.reader.views]
        strand, view = columns[column or 0]
        sample = strand.order.at(self.positions(number)[row])
        where = strand.reader.locate(sample.shard, sample.index)
        return where if column is None else f"{where}: view {view!r}"

    def close(self) -> None:
        """Close the files."""
        for strand in self.strands:
            strand.close()
