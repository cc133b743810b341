"""Training on a damaged data set sees the pixels that were stored, or ends with an error that names the file."""

import shutil
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sharding.errors import DatasetError
from sharding.format.codec.encoding import encode
from sharding.format.manifest import View
from sharding.format.manifest_file import read_manifest
from sharding.reading.reader import ShardReader
from sharding.work.plan import Sample
from tests.unit.data.loading import open_loader, take
from tests.unit.data.tiny_shards import SIDE
from tests.unit.sharding.damage import file_damages, mend_checksums
from tests.unit.sharding.small_sets import write_set

VIEWS = {
    "photo": View(extension="photo.jpg", width=SIDE, height=SIDE),
    "height": View(extension="height.png", channels=1, width=SIDE, height=SIDE),
}
SHARDS = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
NUM_SAMPLES = 11


def sample(ordinal: int) -> Sample:
    random = np.random.default_rng(ordinal)
    photo = random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    height = random.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    members = {"photo.jpg": encode(photo, "jpg"), "height.png": encode(height, "png")}
    return Sample(key=f"s{ordinal}", split="train", members=members, labels={"kind": ordinal % 3})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read it, never write."""
    folder = tmp_path_factory.mktemp("whole") / "set"
    write_set(folder, views=VIEWS, shards={"train": [[sample(ordinal) for ordinal in shard] for shard in SHARDS]})
    return folder


def read_all(folder):
    """The bytes and the label of each sample, or the error in its place."""
    reader = ShardReader(folder, read_manifest(folder), split="train", views=tuple(VIEWS), labels=["kind"])
    found = []
    for shard, size in enumerate(reader.shard_sizes):
        for index in range(size):
            try:
                found.append((reader.key(shard, index), reader.read(shard, index), reader.labels(shard, index)))
            except DatasetError as error:
                found.append(str(error))
    reader.close()
    return found


@settings(max_examples=150)
@given(damages=st.lists(file_damages(), min_size=1, max_size=2))
def test_what_is_read_is_what_was_stored(whole, damages):
    stored = {key: (files, label) for key, files, label in read_all(whole)}
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "set"
        shutil.copytree(whole, folder)
        for damage in damages:
            damage(folder)
        try:
            found = read_all(folder)
        except DatasetError as error:
            assert "dataset.json" in str(error) or "train/" in str(error)
            return
    assert len(found) == NUM_SAMPLES
    for item in found:
        if isinstance(item, str):
            assert "train/00000" in item
            assert "sample 's" in item
        else:
            key, files, label = item
            assert stored[key] == (files, label)


@settings(max_examples=40)
@given(damage=file_damages(suffixes=(".tar", ".idx")))
def test_so_it_is_where_checksums_were_made_of_damaged_files(whole, damage):
    """As by a faulty writer: then the tars' own checksums are what is left."""
    stored = {key: (files, label) for key, files, label in read_all(whole)}
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "set"
        shutil.copytree(whole, folder)
        damage(folder)
        mend_checksums(folder)
        try:
            found = read_all(folder)
        except DatasetError as error:
            assert "train/00000" in str(error)
            return
    for item in found:
        assert isinstance(item, str) or stored[item[0]] == item[1:]


@settings(max_examples=25)
@given(damage=file_damages(suffixes=(".tar",)))
def test_what_is_trained_on_is_what_was_stored(whole, damage):
    options = {"view_a": "photo", "view_b": "height", "label": "kind", "batch_size": 4}
    stored = {
        int(position): (key, a, b)
        for batch in take(4, whole, **options)
        for position, key, a, b in zip(batch.index, batch.keys, batch.a, batch.b, strict=True)
    }
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "set"
        shutil.copytree(whole, folder)
        damage(folder)
        try:
            loader = open_loader(folder, **options)
        except DatasetError as error:
            assert "train/00000" in str(error)
            return
        try:
            for batch in islice(loader, 4):
                for position, key, a, b in zip(batch.index, batch.keys, batch.a, batch.b, strict=True):
                    expected = stored[int(position)]
                    assert key == expected[0]
                    assert torch.equal(a, expected[1])
                    assert torch.equal(b, expected[2])
        except DatasetError as error:
            assert "train/00000" in str(error)
        finally:
            loader.close()


def damaged_jpeg(folder: Path) -> str:
    """A byte in the middle of a JPEG that decodes all the same, to other pixels. The sample's key."""
    reader = ShardReader(folder, read_manifest(folder), split="train", views=["photo"])
    content = reader.read(0, 2)["photo"]
    tar = folder / "train/000000.tar"
    data = bytearray(tar.read_bytes())
    data[data.index(content) + len(content) * 2 // 3] ^= 0x10
    tar.write_bytes(data)
    return reader.key(0, 2)


def test_a_damaged_image_that_decodes_all_the_same_is_not_trained_on(whole, tmp_path):
    folder = tmp_path / "set"
    shutil.copytree(whole, folder)
    key = damaged_jpeg(folder)
    loader = open_loader(folder, view_a="photo", view_b="height", shuffle=False)
    with pytest.raises(DatasetError, match=rf"000000\.tar, sample '{key}': view 'photo' is damaged: .*CRC-32"):
        list(islice(loader, 2))
    loader.close()


def test_tars_that_changed_places_are_told_apart(whole, tmp_path):
    """Of equal size, and so unnoticed at the start."""
    folder = tmp_path / "set"
    one, other = ([sample(first + number) for number in range(2)] for first in (0, 2))
    write_set(folder, views=VIEWS, shards={"train": [one, other]})
    paths = [folder / f"train/00000{number}.tar" for number in range(2)]
    first, second = (path.read_bytes() for path in paths)
    assert len(first) == len(second)
    paths[0].write_bytes(second)
    paths[1].write_bytes(first)
    with pytest.raises(DatasetError, match=r"000000\.tar, sample 's0': view 'photo' is damaged: the tar holds 's2"):
        take(1, folder, view_a="photo", view_b="height", shuffle=False, batch_size=2)
