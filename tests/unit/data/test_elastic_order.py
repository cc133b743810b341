"""A run may stop and go on with other ranks, batches and accumulation: what stands at a position never changes."""

import tracemalloc
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.data.order import Order, rank_positions, rank_share
from trainer.data.source import noise_seeds, random_placement

shard_sizes = st.lists(st.integers(0, 40), min_size=1, max_size=9).filter(any)
seeds = st.integers(0, 2**32 - 1)


@dataclass(frozen=True)
class Part:
    """One start of the job: so many optimizer steps, then it stops at a checkpoint."""

    num_steps: int
    world_size: int
    batch_size: int
    accumulation: int


@dataclass(frozen=True)
class Data:
    """Of one run; each rank makes its own strands of it at each start."""

    sizes: list[list[int]]
    """Of the shards, for each strand: one for pairs, two for unpaired images."""
    seed: int
    window: int

    def look(self, positions):
        """For each position: sample, crop, flip and noise seed of every strand."""
        strands = []
        for strand, sizes in enumerate(self.sizes):
            order = Order(sizes, seed=self.seed, shuffle_window_shards=self.window, shuffle=True, strand=strand)
            place = random_placement(self.seed, positions, flip=True, strand=strand)
            drawn = (values.tolist() for values in place)
            strands.append(list(zip(map(order.at, positions), *drawn, strict=True)))
        return list(zip(*strands, strict=True))

    def stored(self, strand):
        return [(shard, index) for shard, size in enumerate(self.sizes[strand]) for index in range(size)]


parts = st.builds(
    Part,
    num_steps=st.integers(1, 4),
    world_size=st.integers(1, 8),
    batch_size=st.integers(1, 7),
    accumulation=st.integers(1, 3),
)
datas = st.builds(Data, sizes=st.lists(shard_sizes, min_size=1, max_size=2), seed=seeds, window=st.integers(1, 10))


def consume(data, parts):
    """What all ranks of all parts see, rank after rank of each global batch: (position, its strands)."""
    seen, position = [], 0
    for part in parts:
        for _ in range(part.num_steps * part.accumulation):
            for rank in range(part.world_size):
                options = {"batch_size_per_gpu": part.batch_size, "rank": rank, "world_size": part.world_size}
                mine = rank_positions(position, **options)
                seen += zip(mine, data.look(mine), strict=True)
            position += part.world_size * part.batch_size
    return seen


@settings(max_examples=40)
@given(data=datas, parts=st.lists(parts, min_size=1, max_size=4))
def test_any_sequence_of_parts_sees_what_one_process_sees(data, parts):
    """A stop is a multiple of the next part's batch, or an end of an epoch, by chance only."""
    seen = consume(data, parts)
    assert seen == list(enumerate(data.look(range(len(seen)))))


@settings(max_examples=40)
@given(data=datas, parts=st.lists(parts, min_size=2, max_size=4))
def test_in_an_epoch_that_several_parts_share_no_sample_is_lost_or_comes_twice(data, parts):
    seen = consume(data, parts)
    for strand, sizes in enumerate(data.sizes):
        places = [strands[strand][0] for _, strands in seen]
        for epoch in range(len(seen) // sum(sizes)):
            assert sorted((at.shard, at.index) for at in places if at.epoch == epoch) == data.stored(strand)


@given(sizes=st.lists(shard_sizes, min_size=2, max_size=2), seed=seeds)
def test_strands_of_different_lengths_end_their_epochs_apart(sizes, seed):
    for position, strands in enumerate(Data(sizes, seed, window=2).look(range(2 * max(map(sum, sizes))))):
        assert [at.epoch for at, *_ in strands] == [position // sum(size) for size in sizes]


@given(sizes=shard_sizes, seed=seeds, batch=st.integers(1, 300))
def test_a_set_smaller_than_a_batch_is_repeated_evenly_within_it(sizes, seed, batch):
    places = [(at.shard, at.index) for ((at, *_),) in Data([sizes], seed, window=3).look(range(batch))]
    counts = [places.count(place) for place in Data([sizes], seed, window=3).stored(0)]
    assert max(counts) - min(counts) <= 1


@given(num=st.integers(0, 500), world_size=st.integers(1, 40))
def test_an_evaluation_is_shared_out_whole(num, world_size):
    shares = [rank_share(num, rank=rank, world_size=world_size) for rank in range(world_size)]
    assert [sample for share in shares for sample in share] == list(range(num))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_every_position_has_noise_of_its_own():
    assert len(set(noise_seeds(3, range(5000)).tolist())) == 5000


def test_of_a_very_large_set_only_what_is_looked_at_is_worked_out():
    """10 million samples: a whole permutation would take seconds and 350 MB in every rank, at every end of an epoch."""
    order = Order([1000] * 10_000, seed=1, shuffle_window_shards=8, shuffle=True)
    end = 3 * order.num_samples
    tracemalloc.start()
    epochs = [order.at(position).epoch for position in range(end - 50, end + 50)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert epochs == [2] * 50 + [3] * 50
    assert peak < 20 * 2**20
    assert np.unique([order.at(position).shard for position in range(end + 9000, end + 9100)]).size <= 8
