"""Which files of a folder become samples, under which names; and that none goes in silence."""

import os
import shutil
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from sharding.format.manifest_file import read_manifest
from tests.unit.sharding.files import Run, read_tars, save_photo

ALL = ("--val", 0, "--test", 0)


def save(folder: Path, *names: str) -> None:
    for seed, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        save_photo(folder / name, seed=seed)


def keys(folder: Path) -> list[str]:
    return sorted(key.partition("/")[2] for key in read_tars(folder))


@pytest.mark.parametrize("inside", ["", "train/"])
@pytest.mark.parametrize("kind", ["images", "pairs"])
def test_nested_images_are_refused_or_taken(tmp_path: Path, shard: Run, kind: str, inside: str) -> None:
    save(tmp_path / "in", f"{inside}1.png", f"{inside}more/2.png", f"{inside}more/deep/3.png")
    command = (kind, "--folder", tmp_path / "in", *ALL, "--out", tmp_path / "out")
    code, said = shard(*command)
    assert (code, "more" in said, "--recursive" in said) == (1, True, True), said
    code, said = shard(*command, "--recursive")
    assert code == 0, said
    assert keys(tmp_path / "out") == ["1", "more%2F2", "more%2Fdeep%2F3"]


def test_nested_images_of_two_folders(tmp_path: Path, shard: Run) -> None:
    save(tmp_path, "a/x/1.png", "a/y/1.png", "b/x/1.png", "b/y/1.png")
    for kind, count in (("folders", 2), ("unpaired", 4)):
        command = (kind, "--a", tmp_path / "a", "--b", tmp_path / "b", *ALL, "--out", tmp_path / kind)
        code, said = shard(*command)
        assert (code, "--recursive" in said) == (1, True), said
        code, said = shard(*command, "--recursive")
        assert (code, len(keys(tmp_path / kind))) == (0, count), said


def test_class_folders_may_be_nested(tmp_path: Path, shard: Run) -> None:
    save(tmp_path / "in", "cat/1.png", "cat/young/1.png", "dog/1.png")
    command = ("images", "--folder", tmp_path / "in", "--labels", "folders", *ALL, "--out", tmp_path / "out")
    code, said = shard(*command)
    assert (code, "--recursive" in said) == (1, True), said
    assert shard(*command, "--recursive")[0] == 0
    assert keys(tmp_path / "out") == ["cat%2F1", "cat%2Fyoung%2F1", "dog%2F1"]
    assert read_manifest(tmp_path / "out").labels["class"].names == ["cat", "dog"]


def test_folders_without_images_and_of_programs_are_passed_over(tmp_path: Path, shard: Run) -> None:
    save(tmp_path / "in", "1.png", "._1.png", ".ipynb_checkpoints/1.png", "__MACOSX/1.png")
    (tmp_path / "in" / "notes").mkdir()
    (tmp_path / "in" / "notes" / "read.me").touch()
    code, said = shard("images", "--folder", tmp_path / "in", *ALL, "--out", tmp_path / "out")
    assert (code, keys(tmp_path / "out")) == (0, ["1"]), said
    assert "3 hidden files and folders are passed over" in said
    assert "._1.png" in said


def test_what_looks_like_a_picture_is_named(tmp_path: Path, shard: Run) -> None:
    save(tmp_path / "in", "1.png", "2.png")
    (tmp_path / "in" / "2.png").rename(tmp_path / "in" / "2")
    Image.new("RGB", (8, 8)).save(tmp_path / "in" / "3.gif")
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    code, said = shard("images", "--folder", tmp_path / "in", *ALL, "--out", tmp_path / "out")
    assert (code, keys(tmp_path / "out")) == (0, ["1"]), said
    assert "2 files look like pictures" in said
    assert "3.gif" in said
    assert "notes.txt" not in said


@pytest.mark.parametrize("skip", [False, True])
def test_what_cannot_be_opened_is_listed(tmp_path: Path, shard: Run, skip: bool) -> None:
    folder = tmp_path / "in"
    save(folder, "1.png", "sub/2.png")
    (folder / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (folder / "round.png").symlink_to("round.png")
    (folder / "sub" / "back").symlink_to(folder)
    os.mkfifo(folder / "pipe.png")
    command = ("images", "--folder", folder, "--recursive", *ALL, "--out", tmp_path / "out")
    code, said = shard(*command, *["--skip-bad"] * skip)
    assert code == (0 if skip else 1), said
    if skip:
        assert keys(tmp_path / "out") == ["1", "sub%2F2"]
        said = (tmp_path / "out/rejected.jsonl").read_text()
    for name in ("gone.png", "round.png", "pipe.png", "sub/back"):
        assert name in said, said
    assert "--out" not in said


def test_linked_folders_are_followed(tmp_path: Path, shard: Run) -> None:
    save(tmp_path, "elsewhere/1.png")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "more").symlink_to(tmp_path / "elsewhere")
    code, said = shard("images", "--folder", tmp_path / "in", "--recursive", *ALL, "--out", tmp_path / "out")
    assert (code, keys(tmp_path / "out")) == (0, ["more%2F1"]), said


@pytest.mark.parametrize("side", ["a", "b"])
def test_an_unreadable_input_is_not_blamed_on_the_output(tmp_path: Path, shard: Run, side: str) -> None:
    save(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / side / "1.png").unlink()
    (tmp_path / side).rmdir()
    (tmp_path / side).symlink_to(side)
    for kind in ("folders", "unpaired"):
        code, said = shard(kind, "--a", tmp_path / "a", "--b", tmp_path / "b", "--out", tmp_path / "out")
        assert (code, str(tmp_path / side) in said, "--out" in said) == (2, True, False), said


def test_names_that_differ_by_side(tmp_path: Path, shard: Run) -> None:
    save(tmp_path / "in", "0_A.png", "1_A.png", "0_B.png", "1_B.png", "0_C.png")
    command = ("folders", "--a", tmp_path / "in", "--b", tmp_path / "in", *ALL, "--out", tmp_path / "out")
    code, said = shard(*command, "--names-a", "*_A", "--names-b", "*_B")
    assert (code, keys(tmp_path / "out")) == (0, ["0", "1"]), said
    assert "1 image is not taken" in said
    assert "0_C.png" in said


def test_the_layout_of_cityscapes(tmp_path: Path, shard: Run) -> None:
    for split in ("train", "val"):
        save(tmp_path / "leftImg8bit" / split, "ulm/ulm_1_leftImg8bit.png")
        save(tmp_path / "gtFine" / split, "ulm/ulm_1_gtFine_labelIds.png", "ulm/ulm_1_gtFine_color.png")
    sides = ("--a", tmp_path / "leftImg8bit", "--b", tmp_path / "gtFine")
    names = ("--names-a", "*_leftImg8bit", "--names-b", "*_gtFine_labelIds")
    code, said = shard("folders", *sides, "--recursive", *names, "--out", tmp_path / "out")
    assert (code, sorted(read_tars(tmp_path / "out"))) == (0, ["train/ulm%2Fulm_1", "val/ulm%2Fulm_1"]), said


@pytest.mark.parametrize("names", ["A", "*_*", "x/*"])
def test_impossible_patterns_of_names(tmp_path: Path, shard: Run, names: str) -> None:
    command = ("folders", "--a", tmp_path, "--b", tmp_path, "--names-b", names, "--out", tmp_path / "out")
    assert shard(*command)[0] == 2


def test_names_that_look_equal_are_twins(tmp_path: Path, shard: Run) -> None:
    save(tmp_path / "a", unicodedata.normalize("NFC", "café.png"))
    save(tmp_path / "b", unicodedata.normalize("NFD", "café.png"))
    code, said = shard("folders", "--a", tmp_path / "a", "--b", tmp_path / "b", *ALL, "--out", tmp_path / "out")
    assert (code, keys(tmp_path / "out")) == (0, ["caf%C3%A9"]), said


@pytest.mark.parametrize(("small", "fits"), [((50, 33), True), ((51, 34), True), ((50, 31), False)])
def test_a_pair_may_differ_by_rounding(tmp_path: Path, shard: Run, small: tuple[int, int], fits: bool) -> None:
    for side, size in (("a", (101, 67)), ("b", small)):
        (tmp_path / side).mkdir()
        save_photo(tmp_path / side / "x.png", seed=1, size=size)
    command = ("folders", "--a", tmp_path / "a", "--b", tmp_path / "b", *ALL, "--out", tmp_path / "out")
    code, said = shard(*command, "--size", 16)
    assert code == (0 if fits else 1), said


def test_a_name_that_no_folder_can_have_is_the_inputs_fault(tmp_path: Path, shard: Run) -> None:
    folder = tmp_path / ("x" * 300)
    code, said = shard("images", "--folder", folder, "--out", tmp_path / "out")
    assert (code, "cannot be read" in said, "--out" in said) == (1, True, False), said
    save(tmp_path / "in", "1.png")
    code, said = shard("images", "--folder", tmp_path / "in", "--out", folder)
    assert (code, "--out" in said) == (1, True), said


@pytest.mark.parametrize("options", [(), ("--recursive",)])
def test_a_folder_that_cannot_be_read_is_listed(tmp_path: Path, shard: Run, options: tuple[str, ...]) -> None:
    save(tmp_path / "in" / "train", "1.png")
    deepest = _too_deep(tmp_path / "in" / "train")
    command = ("images", "--folder", tmp_path / "in", *ALL, "--out", tmp_path / "out", *options)
    try:
        code, said = shard(*command)
        skipped, said_then = shard(*command, "--skip-bad")
    finally:
        shutil.rmtree(deepest)
    assert (code, skipped, keys(tmp_path / "out")) == (1, 0, ["1"]), said + said_then
    assert "cannot be read (File name too long)" in said


def _too_deep(folder: Path) -> Path:
    """Folders within each other, of which the last have paths longer than the system takes."""
    place = os.open(folder, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("x" * 250, dir_fd=place)
        inner = os.open("x" * 250, os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(place)
    return folder / ("x" * 250)
