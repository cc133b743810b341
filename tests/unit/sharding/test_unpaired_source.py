"""Two folders of unrelated images: no twins, different numbers, equal names, and inputs that are wrong."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sharding.format.manifest_file import read_manifest
from sharding.verifying.verify import verify
from tests.unit.sharding.files import Run, contents, read_members, save_photo

NAMES = ("--view-a", "summer", "--view-b", "winter")


def save_all(folder: Path, num_images: int, *, seed: int = 0, suffix: str = "jpg") -> Path:
    folder.mkdir(parents=True)
    for index in range(num_images):
        save_photo(folder / f"{index:02d}.{suffix}", seed=seed + index)
    return folder


def counts(out: Path) -> dict[str, tuple[int, int]]:
    manifest = read_manifest(out)
    return {s: (manifest.num_samples(s, "summer"), manifest.num_samples(s, "winter")) for s in manifest.splits}


def test_views_differ_in_number_and_may_share_names(tmp_path: Path, shard: Run) -> None:
    a, b = save_all(tmp_path / "a", 12), save_all(tmp_path / "b", 7, seed=50, suffix="png")
    code, said = shard("unpaired", "--a", a, "--b", b, *NAMES, "--out", tmp_path / "out", "--shard-samples", 4)
    assert code == 0, said
    assert [word for word in said.split() if word in {"summer", "winter"}] == ["summer", "winter"]
    assert verify(tmp_path / "out", decode=True) == []
    manifest = read_manifest(tmp_path / "out")
    assert (manifest.kind, manifest.labels) == ("unpaired", {})
    assert {name: view.extension for name, view in manifest.views.items()} == {
        "summer": "summer.jpg",
        "winter": "winter.png",
    }
    assert counts(tmp_path / "out") == {"train": (11, 6), "test": (1, 1)}  # val would lack winter
    samples = read_members(tmp_path / "out")
    assert len(samples) == 19
    for key, members in samples.items():
        view, _, stem = key.partition("/")[2].partition("-")
        assert list(members) == [manifest.views[view].extension]
        path = next({"summer": a, "winter": b}[view].glob(f"{stem}.*"))
        source = np.asarray(Image.open(path), np.float32)
        assert np.abs(np.asarray(members[manifest.views[view].extension]) - source).mean() < 2


def test_the_common_layout_of_cyclegan(tmp_path: Path, shard: Run) -> None:
    for name, num_images in (("trainA", 5), ("trainB", 3), ("testA", 2), ("testB", 4)):
        save_all(tmp_path / "in" / name, num_images)
    make = ("unpaired", "--folder", tmp_path / "in", *NAMES, "--size", 16)
    assert shard(*make, "--out", tmp_path / "1/out", "--workers", 1)[0] == 0
    assert shard(*make, "--out", tmp_path / "2/out", "--workers", 3)[0] == 0
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert counts(tmp_path / "1/out") == {"train": (5, 3), "test": (2, 4)}
    code, said = shard(*make, "--out", tmp_path / "1/out")
    assert (code, "already there" in said) == (0, True)
    save_photo(tmp_path / "in/testB/new.jpg", seed=9)
    assert shard(*make, "--out", tmp_path / "1/out")[0] == 1


@pytest.mark.parametrize("layout", ["sub-folders", "placeholder"])
def test_splits(tmp_path: Path, shard: Run, layout: str) -> None:
    form = "{view}/{split}" if layout == "sub-folders" else "{split}/{view}"
    for split, num_images in (("train", 4), ("val", 2)):
        for view in "ab":
            save_all(tmp_path / form.format(split=split, view=view), num_images)
    a, b = (tmp_path / (v if layout == "sub-folders" else f"{{split}}/{v}") for v in "ab")
    code, said = shard("unpaired", "--a", a, "--b", b, *NAMES, "--out", tmp_path / "out")
    assert code == 0, said
    assert counts(tmp_path / "out") == {"train": (4, 4), "val": (2, 2)}


def test_folders_with_other_splits_are_refused(tmp_path: Path, shard: Run) -> None:
    a, b = tmp_path / "a", save_all(tmp_path / "b", 3)
    save_all(a / "train", 3)
    code, said = shard("unpaired", "--a", a, "--b", b, "--out", tmp_path / "out")
    assert (code, "differ in their splits" in said) == (1, True), said


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "none of the folders"),
        (("trainA",), "holds trainA; expected are trainA and trainB"),
        (("trainA", "trainB", "testB"), "holds trainA, trainB, testB"),
        (("testA", "testB"), "expected are trainA and trainB"),
    ],
)
def test_a_folder_without_both_sides_is_refused(
    tmp_path: Path, shard: Run, names: tuple[str, ...], message: str
) -> None:
    (tmp_path / "in").mkdir()
    for name in names:
        save_all(tmp_path / "in" / name, 2)
    code, said = shard("unpaired", "--folder", tmp_path / "in", "--out", tmp_path / "out")
    assert (code, message in said) == (1, True), said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--a", "x"), "Give --a and --b"),
        (("--a", "x", "--b", "y", "--folder", "z"), "Give --a and --b"),
        ((), "Give --a and --b"),
        (("--folder", "z", "--view-a", "b"), "both 'b'"),
        (("--folder", "z", "--view-a", "a-b"), "small letters"),
    ],
)
def test_impossible_options_are_usage_errors(tmp_path: Path, shard: Run, options: tuple, message: str) -> None:
    code, said = shard("unpaired", "--out", tmp_path / "out", *options)
    assert (code, message in said) == (2, True), said


def test_images_of_other_sizes_are_named(tmp_path: Path, shard: Run) -> None:
    a, b = save_all(tmp_path / "a", 5), save_all(tmp_path / "b", 3)
    save_photo(b / "wide.jpg", seed=1, size=(40, 24))
    code, said = shard("unpaired", "--a", a, "--b", b, "--out", tmp_path / "out")
    assert (code, "wide.jpg: 40x24" in said, "--size" in said) == (1, True, True), said
    (b / "wide.jpg").write_bytes((a / "00.jpg").read_bytes()[:400])
    code, said = shard("unpaired", "--a", a, "--b", b, "--out", tmp_path / "out")
    assert (code, "wide.jpg" in said) == (1, True), said
    assert not list(tmp_path.glob("out*"))
