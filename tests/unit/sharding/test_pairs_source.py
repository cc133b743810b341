"""Side-by-side pairs: halves, splits, classes, and inputs that are wrong."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sharding.format.manifest_file import read_manifest
from sharding.inputs.splits import split_exactly
from sharding.verifying.verify import verify
from tests.unit.sharding.files import Run, read_tars

CLASSES = ("--classes", "window=#ff0000,wall=#0000ff", "--classes-view", "b")


def test_halves_become_views(pairs: Path, tmp_path: Path, shard: Run) -> None:
    code, said = shard(
        "pairs", "--folder", pairs, "--out", tmp_path / "out", "--view-left", "photo", "--view-right", "map"
    )
    assert code == 0, said
    manifest = read_manifest(tmp_path / "out")
    assert {name: view.extension for name, view in manifest.views.items()} == {"photo": "photo.png", "map": "map.png"}
    assert {split: manifest.num_samples(split) for split in manifest.splits} == {"train": 10, "val": 1, "test": 1}
    samples = read_tars(tmp_path / "out")
    assert len(samples) == 12
    for name, members in samples.items():
        assert list(members) == ["photo.png", "map.png"]
        source = np.asarray(Image.open(pairs / f"{name.partition('/')[2]}.png"))
        np.testing.assert_array_equal(np.concatenate([np.asarray(m) for m in members.values()], axis=1), source)


def test_sub_folders_are_splits_and_size_resizes(pairs: Path, tmp_path: Path, shard: Run) -> None:
    for split, first in (("train", 0), ("val", 8), ("test", 10)):
        (pairs / split).mkdir()
        for index in range(first, {"train": 8, "val": 10, "test": 12}[split]):
            (pairs / f"{index:03d}.png").rename(pairs / split / f"{index:03d}.png")
    Image.new("RGB", (50, 20)).save(pairs / "val" / "008.png")
    code, said = shard("pairs", "--folder", pairs, "--out", tmp_path / "out", "--size", 16)
    assert code == 0, said
    samples = read_tars(tmp_path / "out")
    assert {name for name in samples if not name.startswith("train")} == {"val/008", "val/009", "test/010", "test/011"}
    assert {image.size for members in samples.values() for image in members.values()} == {(16, 16)}


def test_lossy_grey_pairs_stay_jpeg_with_one_channel(tmp_path: Path, shard: Run) -> None:
    (tmp_path / "in").mkdir()
    for index in range(3):
        Image.new("L", (64, 32), 50 + index).save(tmp_path / "in" / f"{index}.jpg")
    assert shard("pairs", "--folder", tmp_path / "in", "--out", tmp_path / "out")[0] == 0
    view = read_manifest(tmp_path / "out").views["a"]
    assert (view.extension, view.channels, view.width, view.height) == ("a.jpg", 1, 32, 32)
    assert verify(tmp_path / "out") == []


def test_classes_of_a_lossy_file_become_exact_colours(tmp_path: Path, shard: Run) -> None:
    (tmp_path / "in").mkdir()
    truth = np.zeros((32, 64, 3), np.uint8)
    truth[:, 32:] = (0, 0, 255)
    truth[8:20, 40:52] = (255, 0, 0)
    for index in range(3):
        Image.fromarray(truth).save(tmp_path / "in" / f"{index}.jpg", quality=60)
    code, said = shard("pairs", "--folder", tmp_path / "in", "--out", tmp_path / "out", *CLASSES)
    assert code == 0, said
    manifest = read_manifest(tmp_path / "out")
    assert [info.name for info in manifest.classes] == ["window", "wall"]
    assert [view.renders_classes for view in manifest.views.values()] == [False, True]
    stored = np.asarray(next(iter(read_tars(tmp_path / "out").values()))["b.png"])
    assert np.unique(stored.reshape(-1, 3), axis=0).tolist() == [[0, 0, 255], [255, 0, 0]]
    assert np.mean(np.any(stored != truth[:, 32:], axis=2)) < 0.05  # only where compression blurred the edges


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--classes", "wall=#00ff00", "--classes-view", "b"), "none of the colours"),
        (("--classes", "wall", "--classes-view", "b"), "no palette"),
    ],
)
def test_classes_that_are_not_there(pairs: Path, tmp_path: Path, shard: Run, options: tuple, message: str) -> None:
    code, said = shard("pairs", "--folder", pairs, "--out", tmp_path / "out", *options)
    assert (code, message in said, list(tmp_path.iterdir())) == (1, True, [pairs]), said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--view-left", "b"), "both"),
        (("--view-left", "Photo 1"), "small letters"),
        (("--classes", "x=#ff00", "--classes-view", "b"), "#rrggbb"),
        (("--classes", "x=#ff0000,x=#0000ff", "--classes-view", "b"), "twice"),
        (("--classes", "x=#ff0000,y", "--classes-view", "b"), "or none"),
        (("--classes", "x=#ff0000"), "belong together"),
        (("--classes", "x=#ff0000", "--classes-view", "c"), "the views are a and b"),
        (("--val", "0.6", "--test", "0.5"), "below 1"),
        (("--size", "0"), "--size 0"),
        (("--workers", "0"), "--workers 0"),
        (("--shard-samples", "0"), "--shard-samples 0"),
        (("--sise", "3"), "--size"),
    ],
)
def test_impossible_options_are_usage_errors(
    pairs: Path, tmp_path: Path, shard: Run, options: tuple, message: str
) -> None:
    code, said = shard("pairs", "--folder", pairs, "--out", tmp_path / "out", *options)
    assert (code, message in said) == (2, True), said
    assert "dummy" not in said  # tyro's own words
    assert not (tmp_path / "out").exists()


def test_wrong_inputs_are_named_and_nothing_is_written(pairs: Path, tmp_path: Path, shard: Run) -> None:
    def refuse(*parts: str) -> None:
        code, said = shard("pairs", "--folder", pairs, "--out", tmp_path / "out")
        assert code == 1
        assert all(part in said for part in parts), said
        assert sorted(path.name for path in tmp_path.iterdir()) == ["pairs"]

    Image.new("RGB", (63, 32)).save(pairs / "odd.png")
    refuse("odd.png: 63 pixels wide", "1 image is no pair A|B")
    (pairs / "odd.png").unlink()
    for index in range(11):
        Image.new("RGB", (40, 20)).save(pairs / f"small{index:02d}.png")
    refuse("small09.png: 20x20", "... and 1 more", "--size")
    for path in pairs.glob("small*"):
        path.unlink()
    (pairs / "text.jpg").write_text("no image")
    refuse("text.jpg", "1 file is no image;")
    (pairs / "text.jpg").unlink()
    Image.new("RGB", (64, 32)).save(pairs / "000.jpg")
    refuse("000.jpg: another file has the same name", "000.png: another file")
    (pairs / "000.jpg").unlink()
    (pairs / "extra").mkdir()
    Image.new("RGB", (64, 32)).save(pairs / "extra" / "1.png")
    refuse("'extra'", "{split}")
    (pairs / "extra").rename(pairs / "val")
    refuse("images beside", "'val'")


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_truncated_files_are_all_named_and_nothing_is_left(
    pairs: Path, tmp_path: Path, shard: Run, suffix: str
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 64, 3), dtype=np.uint8)
    for name in ("bad1", "bad2"):
        Image.fromarray(noise).save(pairs / f"{name}.{suffix}")
        data = (pairs / f"{name}.{suffix}").read_bytes()
        (pairs / f"{name}.{suffix}").write_bytes(data[: len(data) * 2 // 3])
    code, said = shard("pairs", "--folder", pairs, "--out", tmp_path / "out", "--shard-samples", 2)
    assert code == 1
    assert f"bad1.{suffix}" in said
    assert f"bad2.{suffix}" in said
    assert "2 of 14 samples" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pairs"]


@pytest.mark.parametrize("kind", ["empty", "absent", "file"])
def test_a_folder_without_images_is_refused(tmp_path: Path, shard: Run, kind: str) -> None:
    folder = tmp_path / "in"
    if kind == "empty":
        folder.mkdir()
    elif kind == "file":
        folder.write_text("")
    code, said = shard("pairs", "--folder", folder, "--out", tmp_path / "out")
    assert (code, str(folder) in said) == (1 if kind == "empty" else 2, True), said
    assert not (tmp_path / "out").exists()


def test_split_shares_are_exact_and_independent_of_order() -> None:
    stems = [f"{index:03d}" for index in range(100)]
    splits = split_exactly(stems, val=0.1, test=0.2)
    assert splits == split_exactly(stems[::-1], val=0.1, test=0.2)
    assert [list(splits.values()).count(split) for split in ("train", "val", "test")] == [70, 10, 20]
    assert set(split_exactly(["a", "b", "c"], val=0.01, test=0.01).values()) == {"train", "val", "test"}
    assert set(split_exactly(stems, val=0, test=0).values()) == {"train"}
