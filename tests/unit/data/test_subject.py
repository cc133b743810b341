"""The test split is never watched: where there is no validation split, a share of training is held out."""

from itertools import chain, islice
from pathlib import Path

import pytest
import torch

from sharding.errors import DatasetError
from sharding.format.manifest import Manifest, Shard, View
from sharding.format.manifest_file import read_manifest
from tests.unit.data.loading import assert_equal, data_config, evaluate, keys_of, method_of, open_loader
from tests.unit.data.tiny_shards import SIDE, encode, noise, write_dataset
from trainer.config.data import DataConfig
from trainer.config.errors import ConfigError
from trainer.data.loader import Loader
from trainer.data.split import side_images, split_images
from trainer.data.subject import HELD_OUT, Subject, check_held_out, describe_watched
from trainer.ranks.world import lone_world

WORLD = lone_world(torch.device("cpu"))
VIEWS = {name: View(extension=f"{name}.png", width=SIDE, height=SIDE) for name in ("photo", "map")}


def subject_of(sizes: dict[str, int | dict[str, int]], *, pairing: str = "paired") -> Subject:
    """What a new run sees of a data set with so many images of each split, or of each view of a split."""
    splits = {
        split: [
            Shard(path=f"{split}/{n}.tar", num_samples=num, num_bytes=1, sha256="", index_sha256="", view=view)
            for n, (view, num) in enumerate((size if isinstance(size, dict) else {None: size}).items())
        ]
        for split, size in sizes.items()
    }
    kind = "unpaired" if any(isinstance(size, dict) for size in sizes.values()) else "paired"
    manifest = Manifest(name="m", kind=kind, views=VIEWS, splits=splits)
    data = DataConfig(path=Path("d"), view_a="photo", view_b="map", load_size=SIDE, crop_size=16)
    return Subject.begin(data=data, method=method_of(pairing), manifest=manifest)


@pytest.mark.parametrize(
    ("sizes", "watched", "final", "num_held_out"),
    [
        ({"train": 1000, "val": 9, "test": 9}, "val", "test", 0),
        ({"train": 1000, "val": 9}, "val", "val", 0),
        ({"train": 1000, "test": 9}, HELD_OUT, "test", 50),
        ({"train": 1000}, HELD_OUT, HELD_OUT, 50),
        ({"train": 80, "test": 9}, HELD_OUT, "test", 4),
        ({"train": 79, "test": 9}, "train", "test", 0),
        ({"train": 1}, "train", "train", 0),
        ({"train": 10**6, "test": 9}, HELD_OUT, "test", 500),
    ],
)
def test_which_images_are_watched(sizes, watched, final, num_held_out):
    subject = subject_of(sizes)
    assert (subject.watched_split, subject.final_split) == (watched, final)
    assert set(subject.held_out.values()) == ({num_held_out} if num_held_out else set())
    assert subject.num_images("train") == sizes["train"] - num_held_out
    assert subject.num_images(watched) == (num_held_out or sizes[watched])


def test_of_unpaired_images_each_side_holds_out_its_own():
    subject = subject_of({"train": {"photo": 200, "map": 100}, "test": {"photo": 9, "map": 9}}, pairing="unpaired")
    assert subject.held_out == {"photo": 10, "map": 5}
    assert (subject.num_images(HELD_OUT), subject.num_images("train", "map")) == (15, 95)
    alone = subject_of({"train": {"photo": 200, "map": 100}}, pairing="single")
    assert alone.held_out == {"map": 5}


def test_where_one_side_has_too_few_nothing_is_held_out():
    subject = subject_of({"train": {"photo": 1000, "map": 79}}, pairing="unpaired")
    assert (subject.held_out, subject.watched_split) == ({}, "train")


def test_a_split_that_lacks_a_side_is_neither_watched_nor_the_last_word():
    sizes = {"train": {"photo": 100, "map": 100}, "val": {"photo": 9}, "test": {"map": 9}}
    subject = subject_of(sizes, pairing="unpaired")
    assert (subject.watched_split, subject.final_split) == (HELD_OUT, HELD_OUT)


def test_people_are_told_what_is_watched():
    assert describe_watched(subject_of({"train": 1000, "val": 9})) is None
    told = describe_watched(subject_of({"train": 1000, "test": 9}))
    assert told == ("no split val in d: 50 of 1000 training images are held out. They are watched, and not trained on.")
    told = describe_watched(subject_of({"train": {"photo": 200, "map": 100}}, pairing="unpaired"))
    assert told is not None
    assert "10 of 200 training images of view photo and 5 of 100 training images of view map are" in told
    assert "are trained on" in str(describe_watched(subject_of({"train": 79, "test": 9})))


@pytest.mark.parametrize(
    "held_out", [{"photo": 50}, {"photo": 50, "map": 49}, {"photo": 1000, "map": 1000}, {"photo": 5, "other": 5}]
)
def test_a_damaged_record_of_what_is_held_out_is_refused(held_out):
    subject = subject_of({"train": 1000})
    check_held_out(subject)
    with pytest.raises(ConfigError, match=r"held_out = \{.*does not fit d"):
        check_held_out(Subject(data=subject.data, method=subject.method, manifest=subject.manifest, held_out=held_out))


NUM_TRAIN = 100


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 training and 3 test images in shards of 7, without a validation split."""
    folder = tmp_path_factory.mktemp("no-val")
    views = {name: View(extension=f"{name}.png", width=16, height=16) for name in ("photo", "height")}

    def sample(split: str, number: int) -> tuple[str, dict[str, bytes]]:
        return f"{split}-{number}", {
            name: encode(noise(number, place, side=16), f"{name}.png") for place, name in enumerate(views)
        }

    train = [sample("train", number) for number in range(NUM_TRAIN)]
    shards = [train[start : start + 7] for start in range(0, NUM_TRAIN, 7)]
    write_dataset(folder, views=views, splits={"train": shards, "test": [[sample("test", n) for n in range(3)]]})
    return folder


HELD = {"photo": 5, "height": 5}
SMALL = {"load_size": 16, "crop_size": 16, "held_out": HELD}


def epoch(folder: Path, **options) -> list[str]:
    """The keys of 95 samples, one at a time."""
    loader = open_loader(folder, batch_size=1, **SMALL | options)
    keys = keys_of(islice(loader, 95))
    loader.close()
    return keys


@pytest.mark.parametrize("pairing", ["paired", "unpaired", "single"])
def test_what_is_watched_is_not_trained_on(noisy, pairing):
    everything = {f"train-{number}" for number in range(NUM_TRAIN)}
    watched = keys_of(evaluate(noisy, split=HELD_OUT, pairing=pairing, **SMALL))
    trained = epoch(noisy, pairing=pairing)
    assert (len(watched), len(set(watched))) == (5, 5)
    assert set(trained) == everything - set(watched)
    assert set(keys_of(evaluate(noisy, split="train", pairing=pairing, **SMALL))) == set(trained)


def test_both_sides_of_an_unpaired_batch_leave_out_the_same_of_a_paired_set(noisy):
    """Else a method that learns from b apart would see the targets of what is watched."""
    data = data_config(noisy, load_size=16, crop_size=16)
    subject = Subject(data=data, method=method_of("unpaired"), manifest=read_manifest(noisy), held_out=HELD)
    sides = [
        set(keys_of(side_images(subject, view=view, split=HELD_OUT, world=WORLD, batch_size=5)))
        for view in ("photo", "height")
    ]
    assert sides[0] == sides[1]


def test_any_number_of_ranks_sees_the_same_and_a_resumed_run_too(noisy):
    whole = epoch(noisy)
    ranks = [epoch(noisy, rank=rank, world_size=2) for rank in range(2)]
    assert [key for pair in zip(*ranks, strict=True) for key in pair][:95] == whole
    resumed = open_loader(noisy, batch_size=1, start_position=40, **SMALL)
    assert keys_of(islice(resumed, 55)) == whole[40:]
    resumed.close()


def test_ranks_share_what_is_watched(noisy):
    shares = [keys_of(evaluate(noisy, split=HELD_OUT, rank=rank, world_size=2, **SMALL)) for rank in range(2)]
    assert [*chain(*shares)] == keys_of(evaluate(noisy, split=HELD_OUT, **SMALL))


def test_where_nothing_is_held_out_the_order_is_as_ever(noisy):
    plain, none = (open_loader(noisy, **SMALL | {"held_out": held_out}) for held_out in ({}, {"photo": 0}))
    for _ in range(30):
        assert_equal(next(plain), next(none))
    plain.close()
    none.close()


def test_a_bound_takes_images_that_do_not_depend_on_the_ranks(noisy):
    def keys(most, **options):
        return keys_of(evaluate(noisy, split="train", most=most, **SMALL | options))

    few = keys(10)
    assert len(few) == 10
    assert set(few) < set(keys(20)) < set(keys(95)) == set(keys(1000))
    assert [*chain.from_iterable(keys(10, rank=rank, world_size=3) for rank in range(3))] == few


def test_asking_for_what_is_not_held_out_names_the_splits(noisy):
    with pytest.raises(DatasetError, match=r"no training images .*'train:held-out'\. Use one of train, test"):
        evaluate(noisy, split=HELD_OUT, **SMALL | {"held_out": {}})


def test_the_trained_loader_is_that_of_the_subject(noisy):
    data = data_config(noisy, load_size=16, crop_size=16)
    subject = Subject.begin(data=data, method=method_of("paired"), manifest=read_manifest(noisy))
    loader = Loader(subject, world=WORLD, batch_size=4, seed=0)
    assert (loader.num_samples, subject.watched_split) == (95, HELD_OUT)
    loader.close()
    assert len(list(split_images(subject, split=subject.watched_split, world=WORLD))) == 5
