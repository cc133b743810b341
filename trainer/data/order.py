"""Which sample stands at a position of a run, and how it is cropped: pure functions of (seed, position).

A *position* counts the samples that the whole job has consumed, over all ranks and epochs. So the state of
the data in a checkpoint is one integer, and any number of ranks sees the same global order.

Randomness is raw Philox words (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), sorted or
scaled here: NumPy promises that these words never change, but not that `Generator.permutation` never does.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_GAP = 4096
"""A sample that ended an epoch does not come back within this many positions, or a third of a smaller set."""

_MAX_EPOCHS, _MAX_WINDOWS = 4, 3
"""Kept in memory (windows for each epoch): batches come in order and are asked for a few ahead."""

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


def rank_share(num_samples: int, *, rank: int, world_size: int) -> range:
    """The part of one rank in a single pass over `num_samples`; parts differ by one sample at most."""
    return range(num_samples * rank // world_size, num_samples * (rank + 1) // world_size)


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

    Only the windows that are looked into are worked out: no rank waits for, or holds, the order of a whole epoch.
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
        sizes = np.asarray(shard_sizes, dtype=np.int64)
        self._starts: list[int] = (np.cumsum(sizes) - sizes).tolist()
        stream = _NUM_STREAMS * strand + _ORDER_STREAM
        self._shuffle = shuffle
        self._epoch = lru_cache(maxsize=_MAX_EPOCHS)(
            partial(_Epoch, sizes, seed=seed, stream=stream, shuffle_window_shards=shuffle_window_shards)
        )
        self._head = lru_cache(maxsize=_MAX_EPOCHS)(self._spaced_head)

    def at(self, position: int) -> SampleRef:
        """The sample at a position; in constant time, but for the first look into a window."""
        if position < 0:
            raise ValueError(f"position = {position}: must be 0 or more.")
        epoch, offset = divmod(position, self.num_samples)
        ordinal = self._ordinal(epoch, offset) if self._shuffle else offset
        shard = bisect_right(self._starts, ordinal) - 1
        return SampleRef(epoch, shard, ordinal - self._starts[shard])

    def _ordinal(self, epoch: int, offset: int) -> int:
        """The place in the stored order of the sample at `offset` of an epoch."""
        if epoch > 0 and offset < 2 * self.gap:
            return int(self._head(epoch)[offset])
        return self._epoch(epoch).at(offset)

    def _spaced_head(self, epoch: int) -> NDArray[np.int64]:
        """The first 2 gap samples of an epoch, ordered so that what ended the epoch before does not come back at once.

        At most `gap` of them were among the last `gap` of the epoch before: these go behind the others. As
        3 gap <= num_samples, no epoch's end is changed by this, so one look back is enough.
        """
        head = self._epoch(epoch).slice(0, 2 * self.gap)
        is_recent = np.isin(head, self._epoch(epoch - 1).slice(self.num_samples - self.gap, self.num_samples))
        return np.concatenate([head[~is_recent], head[is_recent]])


class _Epoch:
    """One permutation of the ordinals (places in the stored order), worked out window by window.

    Each shard and each sample has a random word of its own: shards are sorted by theirs and cut into windows, the
    samples of a window are sorted by theirs.
    """

    def __init__(
        self, sizes: NDArray[np.int64], epoch: int, *, seed: int, stream: int, shuffle_window_shards: int
    ) -> None:
        # The epoch is the counter's highest word, so no two epochs share a block.
        self._words = partial(_words, seed, stream, counter=epoch << 192)
        self._sizes = sizes
        self._first = np.cumsum(sizes) - sizes
        self._window_shards = shuffle_window_shards
        self._shards = np.argsort(self._words(0, len(sizes)), kind="stable")
        ends = np.cumsum(sizes[self._shards])
        self._starts: list[int] = [0, *ends[shuffle_window_shards - 1 :: shuffle_window_shards].tolist()]
        self._window = lru_cache(maxsize=_MAX_WINDOWS)(self._sorted_window)

    def at(self, offset: int) -> int:
        window = bisect_right(self._starts, offset) - 1
        return int(self._window(window)[offset - self._starts[window]])

    def slice(self, start: int, stop: int) -> NDArray[np.int64]:
        """The ordinals at some offsets."""
        first, last = (bisect_right(self._starts, offset) - 1 for offset in (start, max(start, stop - 1)))
        ordinals = np.concatenate([self._sorted_window(window) for window in range(first, last + 1)])
        return ordinals[start - self._starts[first] : stop - self._starts[first]]

    def _sorted_window(self, window: int) -> NDArray[np.int64]:
        shards = np.sort(self._shards[window * self._window_shards : (window + 1) * self._window_shards]).tolist()
        ranges = [(int(self._first[shard]), int(self._first[shard] + self._sizes[shard])) for shard in shards]
        words = np.concatenate([self._words(len(self._sizes) + start, len(self._sizes) + end) for start, end in ranges])
        ordinals = np.concatenate([np.arange(start, end) for start, end in ranges])
        return ordinals[np.argsort(words, kind="stable")]


def _words(seed: int, stream: int, start: int, stop: int, *, counter: int) -> NDArray[np.uint64]:
    """Words number `start` to `stop` of the Philox stream that begins at `counter`: a block of Philox4x64 is four."""
    block = start // 4
    return _philox(seed, stream, counter=counter + block).random_raw(stop - 4 * block)[start - 4 * block :]


def _philox(seed: int, stream: int, *, counter: int) -> np.random.Philox:
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed = {seed}: must be at least 0 and less than 2**64.")
    return np.random.Philox(key=seed | stream << 64, counter=counter)
