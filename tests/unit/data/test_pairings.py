"""What belongs together in a batch: pairs, images of two views apart, one view; and labels."""

from collections import Counter
from itertools import chain

import numpy as np
import pytest
import torch

from sharding.errors import DatasetError
from sharding.format.manifest_file import read_manifest
from tests.unit.data.loading import CROP, assert_equal, data_config, evaluate, keys_of, method_of, open_loader, take
from tests.unit.data.tiny_shards import SHARDS, SIDE, UNPAIRED_SHARDS, noisy_labels, noisy_pixels
from trainer.config.errors import ConfigError
from trainer.data.order import Order, augmentation
from trainer.data.split import split_images
from trainer.data.subject import Subject
from trainer.ranks.world import lone_world

WHOLE = {"crop_size": SIDE, "flip": False, "view_a": "photo", "view_b": "map"}
"""Images as they are stored, so that each can be told."""


def ordinals(images, view, *, split="train"):
    """Which samples the images are of."""
    known = {noisy_pixels(split, ordinal, view).tobytes(): ordinal for ordinal in range(15)}
    pixels = (images * 127.5 + 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return [known[image.tobytes()] for image in pixels]


def met(batches, **options):
    """(ordinal of a, ordinal of b) of each sample."""
    return [pair for batch in batches for pair in zip(*met_in(batch, **options), strict=True)]


def met_in(batch, *, view_a="photo", view_b="map", split="train"):
    return ordinals(batch.a, view_a, split=split), ordinals(batch.b, view_b, split=split)


def test_true_pairs_of_a_paired_set_meet_by_chance_only(noisy):
    num_epochs = 40
    pairs = met(take(num_epochs, noisy, pairing="unpaired", batch_size=15, **WHOLE))
    num_true = sum(a == b for a, b in pairs)
    assert num_epochs / 2 < num_true < num_epochs * 3 / 2  # one an epoch, with a standard deviation of one
    assert len(set(pairs)) > 150  # of 225 that can meet
    for epoch in range(num_epochs):
        for side in zip(*pairs[15 * epoch : 15 * (epoch + 1)], strict=True):
            assert sorted(side) == list(range(15))


def test_each_side_of_an_unpaired_set_has_epochs_of_its_own(unpaired):
    batches = take(3, unpaired, pairing="unpaired", batch_size=6, **WHOLE)
    photos, maps = zip(*met(batches), strict=True)
    assert Counter(photos) == dict.fromkeys(range(9), 2)
    assert Counter(maps) == dict.fromkeys(range(6), 3)
    assert keys_of(batches) == [f"train-{ordinal}" for ordinal in photos]
    loader = open_loader(unpaired, pairing="unpaired", **WHOLE)
    assert loader.num_samples == 9
    loader.close()


def test_each_side_is_cropped_and_flipped_by_itself(unpaired):
    orders = [
        Order(UNPAIRED_SHARDS["train"][view], seed=11, shuffle_window_shards=2, shuffle=True, strand=strand)
        for strand, view in enumerate(("photo", "map"))
    ]
    for batch in take(4, unpaired, pairing="unpaired", view_b="map"):
        for row, position in enumerate(batch.index.tolist()):
            for strand, (view, images) in enumerate({"photo": batch.a, "map": batch.b}.items()):
                sample = orders[strand].at(position)
                drawn = augmentation(11, range(position, position + 1), strand=strand)
                y, x = (int(share[0] * (SIDE - CROP + 1)) for share in (drawn.crop_y, drawn.crop_x))
                ordinal = sum(UNPAIRED_SHARDS["train"][view][: sample.shard]) + sample.index
                crop = noisy_pixels("train", ordinal, view)[y : y + CROP, x : x + CROP]
                crop = crop[:, ::-1] if drawn.flip[0] else crop
                np.testing.assert_allclose(images[row], crop.transpose(2, 0, 1) / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize("world_size", [2, 4])
def test_any_number_of_ranks_sees_the_same_unpaired_batches(unpaired, world_size):
    options = {"pairing": "unpaired", "view_b": "map", "label": "kind"}
    alone = take(5, unpaired, **options)
    shares = [
        take(5, unpaired, batch_size=4 // world_size, rank=rank, world_size=world_size, **options)
        for rank in range(world_size)
    ]
    for whole, *parts in zip(alone, *shares, strict=True):
        assert whole.keys == tuple(chain.from_iterable(part.keys for part in parts))
        for name in ("a", "b", "label", "index"):
            assert torch.equal(getattr(whole, name), torch.cat([getattr(part, name) for part in parts]))


@pytest.mark.parametrize("pairing", ["unpaired", "single"])
def test_a_resumed_loader_goes_on_as_if_never_stopped(unpaired, pairing):
    options = {"pairing": pairing, "view_b": "map", "label": "size"}
    uninterrupted = take(7, unpaired, **options)
    for batch, other in zip(uninterrupted[3:], take(4, unpaired, start_position=12, **options), strict=True):
        assert_equal(batch, other)


def test_of_one_view_a_is_b(unpaired):
    batches = take(3, unpaired, pairing="single", batch_size=2, **WHOLE | {"view_a": "no such view"})
    assert all(batch.a is batch.b for batch in batches)
    assert sorted(ordinals(torch.cat([batch.b for batch in batches]), "map")) == list(range(6))


def test_batches_know_the_seed_of_the_run(noisy):
    assert [batch.seed for batch in take(2, noisy)] == [11, 11]


@pytest.mark.parametrize(("pairing", "labelled"), [("paired", "a"), ("unpaired", "a"), ("single", "b")])
def test_labels_are_those_of_the_input(noisy, pairing, labelled):
    for batch in take(5, noisy, pairing=pairing, label="kind", **WHOLE):
        labelled_ordinals = ordinals(getattr(batch, labelled), {"a": "photo", "b": "map"}[labelled])
        assert batch.label.dtype == torch.int64
        assert batch.label.tolist() == [noisy_labels(ordinal)["kind"] for ordinal in labelled_ordinals]
        assert list(batch.keys) == [f"train-{ordinal}" for ordinal in labelled_ordinals]


def test_without_a_label_there_is_none(noisy):
    assert take(1, noisy)[0].label is None
    assert next(evaluate(noisy)).label is None


def test_a_label_or_pair_that_is_not_there_is_said_before_the_first_batch(noisy, unpaired):
    with pytest.raises(DatasetError, match="no label 'age'; it has: kind, size"):
        open_loader(noisy, label="age")
    with pytest.raises(DatasetError, match="no samples in split 'train' that have 'photo' and 'map' together"):
        open_loader(unpaired, view_b="map")
    with pytest.raises(ConfigError, match=r"data\.view_b = 'height'.*has no such view"):
        open_loader(unpaired, pairing="single")


def test_an_evaluation_keeps_true_pairs_together(noisy):
    batches = list(evaluate(noisy, pairing="unpaired", label="size", **WHOLE))
    assert met(batches, split="test") == [(ordinal, ordinal) for ordinal in range(sum(SHARDS["test"]))]
    assert [value for batch in batches for value in batch.label.tolist()] == [0, 1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize("world_size", [1, 2])
def test_an_evaluation_without_truth_goes_to_the_end_of_the_shorter_side(unpaired, world_size):
    shares = [
        list(evaluate(unpaired, pairing="unpaired", rank=rank, world_size=world_size, **WHOLE))
        for rank in range(world_size)
    ]
    assert met(chain.from_iterable(shares), split="test") == [(0, 0), (1, 1), (2, 2)]


def test_an_evaluation_of_one_view_shows_all_of_it(unpaired):
    batches = list(evaluate(unpaired, pairing="single", **WHOLE))
    assert all(batch.a is batch.b for batch in batches)
    assert ordinals(torch.cat([batch.b for batch in batches]), "map", split="test") == [0, 1, 2, 3]


def test_images_of_a_split_come_one_at_a_time_with_what_the_method_learns_from(unpaired):
    data = data_config(unpaired, label="kind", **WHOLE)
    subject = Subject(data=data, method=method_of("single"), manifest=read_manifest(unpaired))
    batches = list(split_images(subject, split="test", world=lone_world(torch.device("cpu"))))
    assert [len(batch.keys) for batch in batches] == [1, 1, 1, 1]
    assert [batch.label.item() for batch in batches] == [noisy_labels(ordinal)["kind"] for ordinal in range(4)]
