"""What the pictures show is told: values that make no use of their range, classes that never occur, splits."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sharding.errors import DatasetError
from sharding.format.codec.decoding import decode
from sharding.format.codec.header import read_header
from sharding.format.manifest_file import read_manifest
from sharding.verifying.verify import verify
from tests.unit.sharding.files import Run, save_photo

ALL = ("--val", 0, "--test", 0)


def save_masks(folder: Path, *, values: tuple[int, ...], suffix: str = ".png") -> tuple[Path, Path]:
    """Four photos and masks whose rows hold the values in turn."""
    photos, masks = folder / "photo", folder / "mask"
    for path in (photos, masks):
        path.mkdir()
    for number in range(4):
        save_photo(photos / f"{number}.png", seed=number)
        pixels = np.resize(np.array(values, np.uint8), (24, 1)).repeat(32, axis=1)
        if suffix == ".npy":
            np.save(masks / f"{number}.npy", pixels)
        else:
            Image.fromarray(pixels).save(masks / f"{number}{suffix}")
    return photos, masks


def shard_masks(shard: Run, folder: Path, *options: object) -> tuple[int, str]:
    sides = ("--a", folder / "photo", "--b", folder / "mask", "--view-a", "photo", "--view-b", "mask")
    return shard("folders", *sides, "--classes-view", "mask", *ALL, "--out", folder / "out", *options)


@pytest.mark.parametrize("store", ["encoded", "original"])
def test_masks_of_0_and_255_as_numbers_are_refused(tmp_path: Path, shard: Run, store: str) -> None:
    save_masks(tmp_path, values=(0, 255))
    classes = ("--classes", "ground=#000000,thing=#ffffff", "--store", store)
    code, said = shard_masks(shard, tmp_path, *classes, "--classes-as", "index")
    assert code == 1
    assert "never thing" in said and "50.0% of its pixels hold 255" in said, said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mask", "photo"]
    if store == "encoded":
        code, said = shard_masks(shard, tmp_path, *classes)
        assert (code, "ground 50.0%, thing 50.0%" in said) == (0, True), said


def test_a_class_that_never_occurs_is_told(tmp_path: Path, shard: Run) -> None:
    save_masks(tmp_path, values=(0, 1, 1, 255))
    classes = ("--classes", "a=#000000,b=#0000ff,c=#ff0000", "--classes-as", "index")
    code, said = shard_masks(shard, tmp_path, *classes)
    assert code == 0, said
    assert "shows a 25.0%, b 50.0%; of no class 25.0%" in said
    assert "never shows c" in said


def test_masks_as_arrays(tmp_path: Path, shard: Run) -> None:
    save_masks(tmp_path, values=(0, 1), suffix=".npy")
    classes = ("--classes", "a=#000000,b=#0000ff", "--classes-as", "index")
    code, said = shard_masks(shard, tmp_path, *classes)
    assert code == 0, said
    assert verify(tmp_path / "out", decode=True) == []
    code, said = shard_masks(shard, tmp_path, "--classes", "a,b", "--classes-as", "index", "--overwrite")
    assert (code, "0.npy: holds no palette" in said) == (1, True), said


def test_more_classes_than_numbers_are_refused(tmp_path: Path, shard: Run) -> None:
    save_masks(tmp_path, values=(0, 1))
    classes = ",".join(f"c{number}=#{number:06x}" for number in range(257))
    code, said = shard_masks(shard, tmp_path, "--classes", classes, "--classes-as", "index")
    assert (code, "257 classes" in said) == (1, True), said


@pytest.mark.parametrize(
    ("values", "declared", "message"),
    [
        ((0, 3), "0:65535", "go from 0 to 3, where its range is 0:65535: they use a small part"),
        ((5000, 9000), "0:4000", "all look alike in training"),
        ((0, 9000), "0:4000", "what is beyond is cut"),
        ((0, 4000), "0:4000", ""),
    ],
)
def test_values_that_miss_their_range(
    tmp_path: Path, shard: Run, values: tuple[int, int], declared: str, message: str
) -> None:
    (tmp_path / "in").mkdir()
    for number, value in enumerate(values):
        Image.fromarray(np.full((8, 8), value, np.uint16)).save(tmp_path / "in" / f"{number}.png")
    command = ("images", "--folder", tmp_path / "in", *ALL, "--value-range", f"photo={declared}", "--shard-samples", 1)
    code, said = shard(*command, "--out", tmp_path / "out")
    assert (code, message in said, "The values of view" in said) == (0, True, bool(message)), said


@pytest.mark.parametrize(("alpha", "stored"), [("refuse", "refuse"), ("drop", "drop"), ("keep", "keep")])
def test_the_manifest_tells_what_became_of_alpha(tmp_path: Path, shard: Run, alpha: str, stored: str) -> None:
    (tmp_path / "in").mkdir()
    Image.new("RGBA", (8, 8), (9, 99, 200, 255)).save(tmp_path / "in" / "1.png")
    code, said = shard("images", "--folder", tmp_path / "in", "--alpha", alpha, *ALL, "--out", tmp_path / "out")
    assert (code, read_manifest(tmp_path / "out").views["photo"].alpha) == (0, stored), said


def test_arrays_with_channels_first_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 40, 40), np.uint8))
    with pytest.raises(DatasetError, match="channels first; save it as"):
        read_header(tmp_path / "x.npy")
    np.save(tmp_path / "y.npy", np.zeros((3, 40, 3), np.uint8))
    assert read_header(tmp_path / "y.npy").channels == 3


@pytest.mark.parametrize("progressive", [False, True])
def test_a_photo_with_a_film_behind_it_is_whole(progressive: bool) -> None:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, "JPEG", progressive=progressive)
    photo, film = buffer.getvalue(), b"\0\0\0\x18ftypmp42" + b"\xff\xda\0\1\xff\xd9\xff\xda" * 9
    assert np.array_equal(decode(photo + film, name="x"), decode(photo, name="x"))
    for cut in (
        photo[:-2],
        photo[:-100],
        photo[: len(photo) // 2],
        photo[:-900] + bytes(900),
        photo[:-100] + film[:14],
    ):
        with pytest.raises(DatasetError, match="truncated"):
            decode(cut, name="x")


@pytest.mark.parametrize("names", ["abcdefgh", "pqrstuv"])
def test_each_split_has_each_view(tmp_path: Path, shard: Run, names: str) -> None:
    for name in names:
        folder = tmp_path / name
        (folder / "a").mkdir(parents=True)
        (folder / "b").mkdir()
        save_photo(folder / "a" / f"{name}.png", seed=0, size=(8, 8))
        for number in range(30):
            save_photo(folder / "b" / f"{number}.png", seed=number, size=(8, 8))
        code, said = shard("unpaired", "--a", folder / "a", "--b", folder / "b", "--out", folder / "out")
        assert code == 0, said
        manifest = read_manifest(folder / "out")
        for split in manifest.splits:
            assert all(manifest.num_samples(split, view) for view in "ab"), (split, said)
        assert manifest.num_samples("train", "a") == 1
        assert re.search("(are|is) in train", said)


def test_nothing_is_left_to_train_on_by_the_users_own_splits(tmp_path: Path, shard: Run) -> None:
    for side, number in (("a", 1), ("b", 2)):
        (tmp_path / side).mkdir()
        save_photo(tmp_path / side / f"{number}.png", seed=0)
    (tmp_path / "s.csv").write_text("file,split\n1,test\n2,train\n")
    sides = ("--a", tmp_path / "a", "--b", tmp_path / "b")
    code, said = shard("unpaired", *sides, "--split-list", tmp_path / "s.csv", "--out", tmp_path / "out")
    assert (code, "No usable image of view 'a' is in train" in said) == (1, True), said
