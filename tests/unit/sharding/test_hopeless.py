"""Inputs of which nothing can be used, or a part: whoever reads the message knows what to do."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sharding.format.manifest_file import read_manifest
from tests.unit.sharding.files import Run, read_tars, save_photo

BAD = pytest.mark.parametrize("more", [(), ("--skip-bad",)])


@BAD
def test_reasons_are_told_although_nothing_is_left(tmp_path: Path, shard: Run, more: tuple[str, ...]) -> None:
    for side in "AB":
        (tmp_path / side).mkdir()
        for number in range(3):
            save_photo(tmp_path / side / f"{number}_{side}.png", seed=number)
    code, said = shard("folders", "--a", tmp_path / "A", "--b", tmp_path / "B", "--out", tmp_path / "out", *more)
    assert code == 1
    assert "No usable image of view 'a' is left." in said
    assert f"0_A.png: has no twin in {tmp_path / 'B'}" in said
    assert "--skip-bad" not in said


@BAD
@pytest.mark.parametrize("kind", ["images", "pairs", "unpaired"])
def test_a_set_of_a_type_that_is_not_read(tmp_path: Path, shard: Run, kind: str, more: tuple[str, ...]) -> None:
    for side in "AB":
        (tmp_path / f"train{side}").mkdir()
        np.save(tmp_path / f"train{side}" / "x.npy", np.zeros((4, 4, 1), np.int32))
    folder = tmp_path if kind == "unpaired" else tmp_path / "trainA"
    code, said = shard(kind, "--folder", folder, "--out", tmp_path / "out", *more)
    assert code == 1
    assert "x.npy: holds values of type int32; save it as uint8" in said


@BAD
def test_every_pair_that_is_broken_is_told(tmp_path: Path, shard: Run, more: tuple[str, ...]) -> None:
    (tmp_path / "in").mkdir()
    save_photo(tmp_path / "x.png", seed=1)
    for name in ("a.png", "b.png"):
        (tmp_path / "in" / name).write_bytes((tmp_path / "x.png").read_bytes()[:300])
    code, said = shard("images", "--folder", tmp_path / "in", "--out", tmp_path / "out", *more)
    assert code == 1
    assert "a.png" in said and "b.png" in said and "truncated" in said, said


@pytest.mark.parametrize("skip", [False, True])
def test_measuring_the_range_lists_all_bad_files(tmp_path: Path, shard: Run, skip: bool) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for number in range(4):
        np.save(folder / f"{number}.npy", np.full((8, 8, 1), number, np.float32))
    np.save(folder / "nan.npy", np.full((8, 8, 1), np.nan, np.float32))
    (folder / "cut.npy").write_bytes((folder / "3.npy").read_bytes()[:-8])
    options = ("--value-range", "photo=auto", "--val", 0, "--test", 0, *["--skip-bad"] * skip)
    code, said = shard("images", "--folder", folder, "--out", out, *options)
    assert code == (0 if skip else 1), said
    if skip:
        assert read_manifest(out).views["photo"].value_range == (0, 3)
        assert len(read_tars_of_arrays(out)) == 4
        said = (out / "rejected.jsonl").read_text()
    assert "nan.npy" in said and "NaN" in said and "cut.npy" in said, said


def read_tars_of_arrays(folder: Path) -> list[str]:
    return [name for shard in folder.glob("*/*.idx") for name in shard.read_text().splitlines()[1:]]


def test_names_that_are_no_utf8(tmp_path: Path, shard: Run) -> None:
    folder, out = tmp_path / os.fsdecode(b"b\xf6se"), tmp_path / "out"
    folder.mkdir()
    for number in range(3):
        save_photo(folder / os.fsdecode(b"caf\xe9%d.png" % number), seed=number)
    (folder / os.fsdecode(b"broken\xe9.png")).write_bytes(b"no picture")
    code, said = shard("images", "--folder", folder, "--out", out, "--val", 0, "--test", 0, "--skip-bad")
    assert code == 0, said
    assert sorted(read_tars(out)) == [f"train/caf%E9{number}" for number in range(3)]
    rejected = json.loads((out / "rejected.jsonl").read_text())
    assert rejected["file"].endswith(os.fsdecode(b"broken\xe9.png"))
    assert (
        "already there" in shard("images", "--folder", folder, "--out", out, "--val", 0, "--test", 0, "--skip-bad")[1]
    )


def test_labels_that_are_no_utf8_are_refused(tmp_path: Path, shard: Run) -> None:
    for name in (b"caf\xe9", b"bar"):
        (tmp_path / "in" / os.fsdecode(name)).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "in" / os.fsdecode(name) / "x.png")
    code, said = shard("images", "--folder", tmp_path / "in", "--labels", "folders", "--out", tmp_path / "out")
    assert code == 1
    assert "UTF-8" in said and "caf" in said, said


def test_the_range_of_a_half_is_its_own(tmp_path: Path, shard: Run) -> None:
    (tmp_path / "in").mkdir()
    for number in range(2):
        row = np.array([[1, 2 + number, 50, 60 + number]], np.uint8).repeat(2, axis=0)
        Image.fromarray(row).save(tmp_path / "in" / f"{number}.png")
    ranges = ("--value-range", "a=auto", "b=auto")
    code, said = shard(
        "pairs", "--folder", tmp_path / "in", *ranges, "--val", 0, "--test", 0, "--out", tmp_path / "out"
    )
    views = read_manifest(tmp_path / "out").views
    assert (code, views["a"].value_range, views["b"].value_range) == (0, (1, 3), (50, 61)), said


def test_files_of_which_none_has_a_label(tmp_path: Path, shard: Run) -> None:
    (tmp_path / "in").mkdir()
    save_photo(tmp_path / "in" / "x.png", seed=0)
    (tmp_path / "t.csv").write_text("file,kind\ny,1\n")
    labels = ("--labels", f"csv:{tmp_path / 't.csv'}", "--ordinal", "kind")
    code, said = shard("images", "--folder", tmp_path / "in", *labels, "--skip-bad", "--out", tmp_path / "out")
    assert (code, "No image with labels is left" in said, "x.png: has no row" in said) == (1, True, True), said
