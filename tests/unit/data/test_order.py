"""The order of the samples: arithmetic, without files and without processes."""

from hashlib import sha256
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.data.order import MAX_GAP, Order, augmentation, rank_positions

shard_sizes = st.lists(st.integers(0, 12), min_size=1, max_size=8).filter(any)
seeds = st.integers(0, 2**64 - 1)

RECORDED_PLACES = [(2, 0), (1, 0), (2, 3), (1, 1), (2, 1), (2, 2), (0, 1), (0, 0), (0, 2), (2, 2), (1, 1), (2, 0)]
RECORDED_DIGEST = "74f41ed99d21c87d517d0525af9a612e37cb8d778df4f9b366e49b0827a85cf5"
RECORDED_CROP_Y = [0.28411119303755783, 0.9919165312950753]
RECORDED_FLIPS = [False, False]


def make(sizes, *, seed=0, window=2, shuffle=True, strand=0):
    return Order(sizes, seed=seed, shuffle_window_shards=window, shuffle=shuffle, strand=strand)


def places(order, positions):
    """(shard, index) at each position."""
    return [(sample.shard, sample.index) for sample in map(order.at, positions)]


@given(sizes=shard_sizes, seed=seeds, window=st.integers(1, 9), epoch=st.integers(0, 2**60), shuffle=st.booleans())
def test_an_epoch_holds_every_sample_once(sizes, seed, window, epoch, shuffle):
    order = make(sizes, seed=seed, window=window, shuffle=shuffle)
    start = epoch * sum(sizes)
    stored = [(shard, index) for shard, size in enumerate(sizes) for index in range(size)]
    assert sorted(places(order, range(start, start + sum(sizes)))) == stored
    assert {order.at(start).epoch, order.at(start + sum(sizes) - 1).epoch} == {epoch}
    assert order.at(start + sum(sizes)).epoch == epoch + 1


@given(sizes=shard_sizes, seed=seeds, positions=st.lists(st.integers(0, 500), min_size=1, max_size=30))
def test_a_position_does_not_depend_on_what_was_asked_before(sizes, seed, positions):
    used = make(sizes, seed=seed)
    assert places(used, positions) == [places(make(sizes, seed=seed), [position])[0] for position in positions]


@given(sizes=shard_sizes, seed=seeds, window=st.integers(1, 9))
def test_no_sample_comes_back_within_the_gap(sizes, seed, window):
    order = make(sizes, seed=seed, window=window)
    assert order.gap == sum(sizes) // 3
    seen = {}
    for position, place in enumerate(places(order, range(5 * sum(sizes)))):
        assert position - seen.get(place, -np.inf) > order.gap
        seen[place] = position


def test_the_gap_of_a_large_set_is_bounded():
    assert make([100_000]).gap == MAX_GAP


@given(sizes=shard_sizes, seed=seeds, window=st.integers(1, 8))
def test_no_more_than_a_window_of_shards_is_read_at_a_time(sizes, seed, window):
    shards = [shard for shard, _ in places(make(sizes, seed=seed, window=window), range(sum(sizes)))]
    for position in range(len(shards)):
        begun_and_not_done = set(shards[: position + 1]) & set(shards[position:])
        assert len(begun_and_not_done) <= window


def test_samples_of_a_window_are_mixed():
    shards = [shard for shard, _ in places(make([50] * 4, window=2), range(200))]
    num_changes = sum(before != after for before, after in pairwise(shards))
    assert 70 < num_changes < 130  # 99 are expected; without mixing 3


def test_epochs_and_seeds_differ():
    order = make([40, 40])
    epochs = [places(order, range(start, start + 80)) for start in (0, 80, 160)]
    other = places(make([40, 40], seed=1), range(80))
    assert len({tuple(epoch) for epoch in [*epochs, other]}) == 4


def test_two_strands_meet_by_chance_only():
    """Two independent permutations agree in one place on average, with a standard deviation of 1."""
    num_meetings = 0
    for seed in range(200):
        orders = [places(make([5, 4, 6], seed=seed, strand=strand), range(15)) for strand in (0, 1)]
        num_meetings += sum(one == other for one, other in zip(*orders, strict=True))
    assert 140 < num_meetings < 260


def test_every_sample_can_come_first():
    firsts = {places(make([3, 2, 4], seed=seed), [0])[0] for seed in range(200)}
    assert len(firsts) == 9


def test_the_order_never_changes():
    """Recorded once: a run must be resumable with a later version of NumPy."""
    assert places(make([3, 2, 4], seed=7), range(12)) == RECORDED_PLACES
    large = make([50, 0, 7, 64, 64, 13], seed=2**40 + 3, strand=1)
    assert sha256(repr(places(large, range(3 * 198))).encode()).hexdigest() == RECORDED_DIGEST
    drawn = augmentation(7, range(1000, 1002))
    np.testing.assert_array_equal(drawn.crop_y, RECORDED_CROP_Y)
    assert drawn.flip.tolist() == RECORDED_FLIPS


def test_not_shuffled_is_the_stored_order():
    assert places(make([2, 0, 1], shuffle=False), range(4)) == [(0, 0), (0, 1), (2, 0), (0, 0)]


@given(start=st.integers(0, 10**6), batch=st.integers(1, 9), world_size=st.sampled_from([1, 2, 4]))
def test_ranks_share_out_the_global_batch(start, batch, world_size):
    shares = [
        rank_positions(start, batch_size_per_gpu=batch, rank=rank, world_size=world_size) for rank in range(world_size)
    ]
    assert [position for share in shares for position in share] == list(range(start, start + batch * world_size))


@given(seed=seeds, start=st.integers(0, 2**63), num=st.integers(1, 40), data=st.data())
def test_augmentation_of_a_position_does_not_depend_on_its_batch(seed, start, num, data):
    place = data.draw(st.integers(0, num - 1))
    together, alone = (
        augmentation(seed, range(start, start + num)),
        augmentation(seed, range(start + place, start + place + 1)),
    )
    for values, value in zip(together, alone, strict=True):
        assert values[place] == value[0]


def test_augmentation_is_uniform():
    drawn = augmentation(3, range(20_000))
    shares = (drawn.crop_y, drawn.crop_x, drawn.brightness, drawn.contrast, drawn.saturation, drawn.hue)
    for values in shares:
        assert values.min() >= 0
        assert values.max() < 1
        counts, _ = np.histogram(values, bins=10, range=(0, 1))
        assert abs(counts - 2000).max() < 200  # 4.7 standard deviations
    assert abs(drawn.flip.mean() - 0.5) < 0.02
    assert abs(np.bincount(drawn.turns, minlength=4) - 5000).max() < 300  # 4.9 standard deviations
    assert abs(np.corrcoef([*shares, drawn.flip, drawn.turns])[np.triu_indices(8, 1)]).max() < 0.03


def test_strands_are_cropped_and_flipped_apart():
    drawn = [np.array(augmentation(3, range(5000), strand=strand)) for strand in (0, 1)]
    num = len(drawn[0])
    assert abs(np.corrcoef(*drawn)[:num, num:]).max() < 0.07  # 4.9 standard deviations


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: make([]), "no sample"),
        (lambda: make([0, 0]), "no sample"),
        (lambda: make([3], window=0), "shuffle_window_shards = 0"),
        (lambda: make([3], seed=-1).at(0), "seed = -1"),
        (lambda: make([3]).at(-1), "position = -1"),
        (lambda: rank_positions(0, batch_size_per_gpu=1, rank=2, world_size=2), "rank = 2"),
        (lambda: augmentation(0, range(0, 9, 2)), "consecutive"),
    ],
)
def test_impossible_arguments_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
