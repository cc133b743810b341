"""Which sample stands at a position of a run, and how it is cropped: pure functions of (seed, position).

A *position* counts the samples that the whole job has consumed, over all ranks and epochs. So the state of
the data in a checkpoint is one integer, and any number of ranks sees the same global order.

Randomness is raw Philox words (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), sorted or
scaled here: NumPy promises that these words never change, but not that `Generator.permutation` never does.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_GAP = 4096
"""A sample that ended an epoch does not come back within this many positions, or a third of a smaller set."""

_ORDER_STREAM, _AUGMENTATION_STREAM = 0, 1
_NUM_STREAMS = 2  # of each strand; strand and stream are the upper half of Philox's key: independent for one seed


@dataclass(frozen=True, slots=True)
class SampleRef:
    """Where the sample of one position lies."""

    epoch: int
    shard: int
    index: int
    """Of the sample within its shard."""


class Augmentation(NamedTuple):
    """How the samples at some positions are cropped, flipped, turned and lit."""

    crop_y: NDArray[np.floating]
    """[N] in [0, 1): which of the possible rows the crop begins at."""
    crop_x: NDArray[np.floating]
    """[N] in [0, 1): which of the possible columns it begins at."""
    flip: NDArray[np.bool_]
    """[N]: mirror left to right."""
    turns: NDArray[np.int32]
    """[N] of 0, 1, 2, 3: quarter turns."""
    brightness: NDArray[np.floating]
    """[N] in [0, 1), as the next three: where between least and most."""
    contrast: NDArray[np.floating]
    saturation: NDArray[np.floating]
    hue: NDArray[np.floating]


def rank_positions(step_position: int, *, batch_size_per_gpu: int, rank: int, world_size: int) -> range:
    """The positions of one rank within the global batch that begins at `step_position`."""
    if not 0 <= rank < world_size:
        raise ValueError(f"rank = {rank}: must be at least 0 and less than world_size = {world_size}.")
    start = step_position + rank * batch_size_per_gpu
    return range(start, start + batch_size_per_gpu)


def augmentation(seed: int, positions: range, *, strand: int = 0) -> Augmentation:
    """What happens at each of some consecutive positions: block number `position` of a Philox stream.

    Counter-based, so the values at a position do not depend on which other positions are asked for.

    Args:
        strand: those of another are independent of these, as the two sides of an unpaired batch must be.
    """
    if positions.step != 1:
        raise ValueError(f"positions = {positions}: must be consecutive.")
    generator = _philox(seed, _NUM_STREAMS * strand + _AUGMENTATION_STREAM, counter=positions.start)
    words = generator.random_raw(4 * len(positions)).reshape(-1, 4)  # a block of Philox4x64 is four words
    unit = (words[:, :2] >> np.uint64(11)) * 2.0**-53  # the 53 bits that a float64 holds exactly
    flip = (words[:, 2] >> np.uint64(63)).astype(np.bool_)
    turns = (words[:, 3] >> np.uint64(62)).astype(np.int32)
    # Bits of the last two words that nothing else takes: 24 of each number, as many as a float32 holds exactly.
    parts = words[:, [2, 2, 3, 3]] >> np.array([39, 15, 38, 14], np.uint64)
    light = (parts & np.uint64(2**24 - 1)) * 2.0**-24
    return Augmentation(unit[:, 0], unit[:, 1], flip, turns, *light.T)


class Order:
    """The order of one split's samples, without end: each epoch is a permutation, the next follows at once.

    Shuffled, an epoch takes the shards in random order and mixes the samples within every
    `shuffle_window_shards` successive shards, so that reads stay near each other. Not shuffled, every epoch
    is the stored order.

    A global batch may span two epochs. Any `gap + 1` consecutive positions hold different samples, so a
    global batch of at most that size never holds a sample twice. A larger one does so only where it spans two
    epochs.

    Orders of the same samples and seed, but of different strands, are independent of each other.
    """

    def __init__(
        self, shard_sizes: Sequence[int], *, seed: int, shuffle_window_shards: int, shuffle: bool, strand: int = 0
    ) -> None:
        if sum(shard_sizes) < 1:
            raise ValueError("shard_sizes: the shards hold no sample.")
        if shuffle_window_shards < 1:
            raise ValueError(f"shuffle_window_shards = {shuffle_window_shards}: must be 1 or more.")
        self.num_samples = sum(shard_sizes)
        self.gap = min(self.num_samples // 3, MAX_GAP) if shuffle else self.num_samples - 1
        self._sizes = np.asarray(shard_sizes, dtype=np.int64)
        self._starts: list[int] = (np.cumsum(self._sizes) - self._sizes).tolist()
        self._seed, self._window, self._shuffle = seed, shuffle_window_shards, shuffle
        self._stream = _NUM_STREAMS * strand + _ORDER_STREAM
        self._epochs: dict[int, NDArray[np.intp]] = {}

    def at(self, position: int) -> SampleRef:
        """The sample at a position; in constant time, but for the first look into an epoch."""
        if position < 0:
            raise ValueError(f"position = {position}: must be 0 or more.")
        epoch, offset = divmod(position, self.num_samples)
        ordinal = int(self._epoch(epoch)[offset]) if self._shuffle else offset
        shard = bisect_right(self._starts, ordinal) - 1
        return SampleRef(epoch, shard, ordinal - self._starts[shard])

    def _epoch(self, epoch: int) -> NDArray[np.intp]:
        """The ordinals (places in the stored order) of an epoch's samples; keeps neighbouring epochs."""
        if epoch not in self._epochs:
            self._epochs = {near: order for near, order in self._epochs.items() if abs(near - epoch) <= 1}
            self._epochs[epoch] = self._spaced(epoch)
        return self._epochs[epoch]

    def _spaced(self, epoch: int) -> NDArray[np.intp]:
        """The permutation of an epoch, changed so that what ended the epoch before does not come back at
        once.

        Of the first 2 gap samples at most `gap` were among the last `gap` of the epoch before: these go
        behind the others. As 3 gap <= num_samples, no epoch's end is changed by this, so one look back is
        enough.
        """
        order = self._permutation(epoch)
        if epoch == 0:
            return order
        before = self._epochs[epoch - 1] if epoch - 1 in self._epochs else self._permutation(epoch - 1)
        head = order[: 2 * self.gap]
        is_recent = np.isin(head, before[len(before) - self.gap :])
        order[: 2 * self.gap] = np.concatenate([head[~is_recent], head[is_recent]])
        return order

    def _permutation(self, epoch: int) -> NDArray[np.intp]:
        num_shards = len(self._sizes)
        # The epoch is the counter's highest word, so no two epochs share a block.
        generator = _philox(self._seed, self._stream, counter=epoch << 192)
        words = generator.random_raw(num_shards + self.num_samples)
        place_of_shard = np.argsort(np.argsort(words[:num_shards], kind="stable"))
        window_of_sample = np.repeat(place_of_shard // self._window, self._sizes)
        return np.lexsort((words[num_shards:], window_of_sample))


def _philox(seed: int, stream: int, *, counter: int) -> np.random.Philox:
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed = {seed}: must be at least 0 and less than 2**64.")
    return np.random.Philox(key=seed | stream << 64, counter=counter)
