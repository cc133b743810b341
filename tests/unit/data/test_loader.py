"""Batches: the same for any number of ranks, the same after a resume, complete in evaluation."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
import webdataset as wds
from nvidia.dali import fn, types
from nvidia.dali.pipeline import Pipeline

from sharding.errors import DatasetError
from sharding.format.manifest import View
from sharding.format.manifest_file import read_manifest
from tests.unit.data.loading import CROP, assert_equal, data_config, evaluate, keys_of, open_loader, take
from tests.unit.data.tiny_shards import SHARDS, SIDE, VIEWS, encode, noise, noisy_pixels, write_dataset
from trainer.config.errors import ConfigError
from trainer.data.order import Order, augmentation
from trainer.data.views import check_views

NUM_TRAIN, NUM_TEST = sum(SHARDS["train"]), sum(SHARDS["test"])


def expected_crop(ordinal, view, *, position, seed=11):
    """What stands at a position of the `noisy` data, float [C, CROP, CROP] in [-1, 1]."""
    drawn = augmentation(seed, range(position, position + 1))
    y, x = (int(share[0] * (SIDE - CROP + 1)) for share in (drawn.crop_y, drawn.crop_x))
    crop = noisy_pixels("train", ordinal, view)[y : y + CROP, x : x + CROP]
    crop = crop[:, ::-1] if drawn.flip[0] else crop
    return crop.reshape(CROP, CROP, -1).transpose(2, 0, 1) / 127.5 - 1


def test_each_sample_stands_where_order_and_augmentation_say(noisy):
    order = Order(SHARDS["train"], seed=11, shuffle_window_shards=2, shuffle=True)
    starts = np.cumsum([0, *SHARDS["train"]])
    for batch in take(6, noisy):
        for row, position in enumerate(batch.index.tolist()):
            sample = order.at(position)
            ordinal = starts[sample.shard] + sample.index
            assert batch.keys[row] == f"train-{ordinal}"
            np.testing.assert_allclose(batch.a[row], expected_crop(ordinal, "photo", position=position), atol=1e-6)
            np.testing.assert_allclose(batch.b[row], expected_crop(ordinal, "height", position=position), atol=1e-6)


def test_flips_can_be_turned_off(noisy):
    (batch,) = take(1, noisy, flip=False, batch_size=15, crop_size=SIDE)
    for key, image in zip(batch.keys, batch.a, strict=True):
        pixels = noisy_pixels("train", int(key.removeprefix("train-")), "photo")
        np.testing.assert_allclose(image, pixels.transpose(2, 0, 1) / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize("world_size", [2, 4])
@pytest.mark.parametrize("load_size", [SIDE, 29])
def test_any_number_of_ranks_sees_the_same_global_batches(noisy, world_size, load_size):
    alone = take(6, noisy, load_size=load_size)
    shared = [
        take(6, noisy, load_size=load_size, batch_size=4 // world_size, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    for whole, *parts in zip(alone, *shared, strict=True):
        assert whole.keys == tuple(key for part in parts for key in part.keys)
        assert torch.equal(whole.index, torch.cat([part.index for part in parts]))
        assert torch.equal(whole.a, torch.cat([part.a for part in parts]))
        assert torch.equal(whole.b, torch.cat([part.b for part in parts]))


def test_no_two_ranks_get_the_same_sample_in_one_global_batch(noisy):
    """Not even where it spans two epochs: 6 is the gap of 15 samples, 5, and one more."""
    shares = [take(20, noisy, batch_size=3, rank=rank, world_size=2) for rank in range(2)]
    for parts in zip(*shares, strict=True):
        assert len(set(keys_of(parts))) == 6


@pytest.mark.parametrize("load_size", [SIDE, 29])
@pytest.mark.parametrize("num_before", [1, 5])
def test_a_resumed_loader_goes_on_as_if_never_stopped(noisy, load_size, num_before):
    options = {"load_size": load_size, "batch_size": 2, "rank": 1, "world_size": 2}
    uninterrupted = take(9, noisy, **options)
    first = open_loader(noisy, **options)
    for _ in range(num_before):
        next(first)
    first.close()
    assert first.position == num_before * 4
    for batch, other in zip(
        uninterrupted[num_before:], take(9 - num_before, noisy, start_position=first.position, **options), strict=True
    ):
        assert_equal(batch, other)


def test_a_run_may_go_on_with_other_batches_and_ranks(noisy):
    order = keys_of(take(5, noisy, batch_size=6))
    resumed = [take(3, noisy, batch_size=3, rank=rank, world_size=2, start_position=12) for rank in range(2)]
    assert order[12:30] == [key for parts in zip(*resumed, strict=True) for key in keys_of(parts)]


def test_seeds_differ(noisy):
    assert keys_of(take(3, noisy)) != keys_of(take(3, noisy, seed=12))


def test_a_set_smaller_than_a_global_batch_is_repeated_within_it(noisy):
    (batch,) = take(1, noisy, split="test", batch_size=2 * NUM_TEST)
    assert sorted(batch.keys) == sorted(2 * [f"test-{ordinal}" for ordinal in range(NUM_TEST)])


def test_evaluation_shows_each_sample_once_in_order_from_its_centre(noisy):
    batches = list(evaluate(noisy))
    assert [len(batch.keys) for batch in batches] == [2, 2, 2, 1]
    assert keys_of(batches) == [f"test-{ordinal}" for ordinal in range(NUM_TEST)]
    assert torch.equal(torch.cat([batch.index for batch in batches]), torch.arange(NUM_TEST))
    margin = (SIDE - CROP) // 2
    for batch in batches:
        for ordinal, image in zip(batch.index.tolist(), batch.a, strict=True):
            pixels = noisy_pixels("test", ordinal, "photo")[margin:-margin, margin:-margin]
            np.testing.assert_allclose(image, pixels.transpose(2, 0, 1) / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize("world_size", [2, 3, 9])
def test_ranks_share_out_an_evaluation_without_overlap(noisy, world_size):
    shares = [keys_of(evaluate(noisy, rank=rank, world_size=world_size)) for rank in range(world_size)]
    assert [key for share in shares for key in share] == [f"test-{ordinal}" for ordinal in range(NUM_TEST)]
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_an_evaluation_can_be_left_early(noisy):
    passes = evaluate(noisy)
    next(passes)
    passes.close()


@pytest.mark.parametrize("start", [evaluate, open_loader])
def test_what_the_data_set_lacks_is_said_before_the_first_batch(noisy, start):
    with pytest.raises(ConfigError, match="no such view"):
        start(noisy, view_b="relief")
    with pytest.raises(DatasetError, match="no samples in split 'val'"):
        start(noisy, split="val")


def test_class_numbers_without_classes_are_refused(tmp_path):
    view = View(extension="b.png", width=8, height=8, content="classes", channels=1)
    views = {"a": View(extension="a.png", width=8, height=8), "b": view}
    image = encode(noise(side=8), "png")
    with pytest.raises(DatasetError, match="view 'b' shows classes, and none are listed"):
        write_dataset(tmp_path, views=views, splits={"train": [[("x", {"a": image, "b": image})]]})
    write_dataset(tmp_path, views={"a": views["a"]}, splits={"train": [[("x", {"a": image})]]})
    manifest = replace(read_manifest(tmp_path), views=views)
    with pytest.raises(ConfigError, match="names no classes"):
        check_views(data_config(tmp_path, view_a="a", view_b="b"), manifest, pairing="paired")


@pytest.mark.parametrize(
    ("view", "message"),
    [
        (
            View(extension="b.png", width=16, height=16, dtype="uint16"),
            "3 channels of uint8; the manifest says 3 of uint16",
        ),
        (View(extension="b.png", width=16, height=16, channels=4), "3 channels of uint8; the manifest says 4"),
        (View(extension="b.png", width=17, height=16, channels=4), "says 17x16"),
        (View(extension="b.npy", width=17, height=16), "it is 16x16 pixels; the manifest says 17x16"),
    ],
)
def test_a_file_that_is_not_what_the_manifest_says_is_named(tmp_path, view, message):
    views = {"a": View(extension="a.png", width=16, height=16), "b": view}
    image = encode(noise(side=16), "png")
    write_dataset(tmp_path, views=views, splits={"train": [[("x", {"a": image, "b": image})]]})
    with pytest.raises(DatasetError, match=rf"000000\.tar, sample 'x': view 'b' .*{message}"):
        take(1, tmp_path, view_a="a", view_b="b", load_size=16, crop_size=16)


@pytest.mark.parametrize("load_size", [16, 20])
@pytest.mark.parametrize(
    "spoil", [lambda data: data[: len(data) // 2], lambda data: data[:-2], lambda data: b"no image at all"]
)
def test_an_undecodable_image_is_named(tmp_path, spoil, load_size):
    views = {name: View(extension=f"{name}.jpg", width=16, height=16) for name in ("a", "b")}
    samples = [(f"s{number}", {name: encode(noise(number, side=16), "jpg") for name in views}) for number in range(12)]
    samples[9][1]["b"] = spoil(samples[9][1]["b"])
    write_dataset(tmp_path, views=views, splits={"train": [samples[:6], samples[6:]]})
    options = {"view_a": "a", "view_b": "b", "load_size": load_size, "crop_size": 16, "shuffle": False}
    loader = open_loader(tmp_path, **options)
    with pytest.raises(DatasetError, match=r"train/000001\.tar, sample 's9': view 'b' (cannot be decoded|is refused)"):
        list(islice(loader, 3))
    loader.close()


def test_a_tar_cut_short_while_training_is_named(damaged):
    loader = open_loader(damaged, shuffle=False)
    tar = damaged / "train/000002.tar"
    tar.write_bytes(tar.read_bytes()[:512])
    with pytest.raises(DatasetError, match=r"000002\.tar, sample 'train-9': only 0 of the"):
        list(islice(loader, 4))
    loader.close()


def test_a_loader_may_be_closed_twice(noisy):
    loader = open_loader(noisy)
    next(loader)
    loader.close()
    loader.close()


def test_an_image_smaller_than_the_manifest_says_is_named(tmp_path):
    views = {name: View(extension=f"{name}.png", width=16, height=16) for name in ("a", "b")}
    files = {"a": encode(noise(side=16), "png"), "b": encode(noise(side=14), "png")}
    write_dataset(tmp_path, views=views, splits={"train": [[("x", files)]]})
    with pytest.raises(DatasetError, match=r"sample 'x': view 'b' is refused: it is 14x14 pixels"):
        take(1, tmp_path, view_a="a", view_b="b", load_size=16, crop_size=16)


def tars(folder: Path) -> list[str]:
    return [str(path) for path in sorted(folder.glob("train/*.tar"))]


def test_webdataset_reads_the_same_shards(noisy):
    samples = list(wds.WebDataset(tars(noisy), shardshuffle=False, empty_check=False).decode("rgb8"))
    assert [sample["__key__"] for sample in samples] == [f"train-{ordinal}" for ordinal in range(NUM_TRAIN)]
    np.testing.assert_array_equal(samples[7]["photo.png"], noisy_pixels("train", 7, "photo"))


def test_dalis_own_reader_reads_the_same_shards(noisy):
    pipeline = Pipeline(batch_size=NUM_TRAIN, num_threads=1, device_id=None)
    with pipeline:
        encoded = fn.readers.webdataset(
            paths=tars(noisy),
            index_paths=[path.replace(".tar", ".idx") for path in tars(noisy)],
            ext=[VIEWS["photo"].extension],
        )
        pipeline.set_outputs(fn.decoders.image(encoded, output_type=types.RGB))
    (images,) = pipeline.run()
    for ordinal in range(NUM_TRAIN):
        np.testing.assert_array_equal(np.array(images.at(ordinal)), noisy_pixels("train", ordinal, "photo"))
