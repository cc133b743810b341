"""Many processes and machines make the same bytes; splits follow from names; memory does not follow from numbers."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sharding.format.manifest_file import read_manifest
from sharding.inputs.splits import SplitOptions, split_by_hash
from sharding.verifying.verify import verify
from tests.unit.sharding.files import Run, contents, read_tars, save_photo

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for index in range(40):
        save_photo(tmp_path / "in" / f"{index:02d}.jpg", seed=index)
    return tmp_path / "in"


@pytest.mark.parametrize(
    "store", [("--store", "original"), pytest.param(("--size", "16", "24"), marks=pytest.mark.soak)]
)
def test_shards_depend_neither_on_processes_nor_on_machines(
    photos: Path, tmp_path: Path, shard: Run, monkeypatch: pytest.MonkeyPatch, store: tuple[str, ...]
) -> None:
    make = ("images", "--folder", photos, "--shard-samples", 5, *store, "--out")
    assert shard(*make, tmp_path / "1" / "set", "--workers", 1)[0] == 0
    monkeypatch.setattr("sharding.writing.writer.FEW_SAMPLES", 0)
    monkeypatch.setattr("sharding.inputs.look.FEW_FILES", 0)
    assert shard(*make, tmp_path / "3" / "set", "--workers", 3)[0] == 0
    assert contents(tmp_path / "1") == contents(tmp_path / "3")
    if store[0] == "--size":
        view = read_manifest(tmp_path / "1/set").views["photo"]
        assert (view.height, view.width) == (16, 24)
        code, said = shard(*make, tmp_path / "ray" / "set", "--ray", "local")
        assert code == 0, said
        assert contents(tmp_path / "1") == contents(tmp_path / "ray")


def test_original_files_are_copied_to_the_byte(photos: Path, tmp_path: Path, shard: Run) -> None:
    save_photo(photos / "wide.jpg", seed=99, size=(50, 20))
    code, said = shard("images", "--folder", photos, "--store", "original", "--out", tmp_path / "out")
    assert code == 0, said
    view = read_manifest(tmp_path / "out").views["photo"]
    assert (view.extension, view.width, view.height) == ("photo.jpg", None, None)
    tars = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*.tar"))
    assert all(path.read_bytes() in tars for path in photos.iterdir())
    assert verify(tmp_path / "out", decode=True) == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: Image.new("RGB", (9, 9)).save(folder / "x.png"), "not jpg files like most"),
        (lambda folder: Image.new("CMYK", (32, 24)).save(folder / "x.jpg"), "CMYK"),
        (lambda folder: Image.new("L", (32, 24)).save(folder / "x.jpg"), "x.jpg: 1 channels"),
        (lambda folder: (folder / "x.jpg").write_bytes((folder / "00.jpg").read_bytes()[:-9]), "end marker is missing"),
    ],
)
def test_what_cannot_be_copied_is_named(photos: Path, tmp_path: Path, shard: Run, damage, message: str) -> None:
    damage(photos)
    code, said = shard("images", "--folder", photos, "--store", "original", "--out", tmp_path / "out")
    assert (code, message in said) == (1, True), said
    assert not list(tmp_path.glob("out*"))


def test_new_samples_move_no_old_ones(photos: Path, tmp_path: Path, shard: Run) -> None:
    shares = ("--val", 0.2, "--test", 0.3)
    assert shard("images", "--folder", photos, *shares, "--out", tmp_path / "few")[0] == 0
    for index in range(40, 60):
        save_photo(photos / f"{index:02d}.jpg", seed=index)
    assert shard("images", "--folder", photos, *shares, "--out", tmp_path / "many")[0] == 0
    few, many = (set(read_tars(tmp_path / name)) for name in ("few", "many"))
    assert len(few) == 40
    assert len(many) == 60
    assert few < many


def test_shares_are_kept_on_average() -> None:
    splits = [split_by_hash(f"{index}", val=0.1, test=0.2) for index in range(10_000)]
    assert abs(splits.count("val") - 1000) < 100
    assert abs(splits.count("test") - 2000) < 130


def test_a_list_decides_the_splits(photos: Path, tmp_path: Path, shard: Run) -> None:
    rows = [f"{index:02d}.jpg,{'val' if index < 7 else 'train'}" for index in range(40)]
    (tmp_path / "splits.csv").write_text("\n".join(["file,split", *rows]))
    make = ("images", "--folder", photos, "--split-list", tmp_path / "splits.csv", "--out", tmp_path / "out")
    assert shard(*make)[0] == 0
    manifest = read_manifest(tmp_path / "out")
    assert {split: manifest.num_samples(split) for split in manifest.splits} == {"train": 33, "val": 7}

    (tmp_path / "splits.csv").write_text("\n".join(["file,split", *rows[1:]]))
    code, said = shard(*make, "--overwrite")
    assert (code, "00.jpg" in said, "no row in" in said) == (1, True, True), said
    (tmp_path / "splits.csv").write_text("file,split\n00,later\n")
    code, said = shard(*make, "--overwrite")
    assert (code, "line 2" in said) == (1, True), said
    assert SplitOptions(val=0.0, test=0.0).of(Path("any.png"), "any") == "train"


MEASURED = """
import resource, sys
from sharding.cli import main
assert main(["images", "--folder", sys.argv[1], "--out", sys.argv[2], "--workers", "1", "--store", "original"]) == 0
print("KB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_megabytes(folder: Path, out: Path) -> float:
    command = [sys.executable, "-c", MEASURED, str(folder), str(out)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    return int(result.stdout.split()[-1]) / 1024


def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    pixels = np.zeros((1, 1, 1), np.uint8)
    peaks = []
    for number in (500, 5000):
        folder = tmp_path / str(number)
        folder.mkdir()
        for index in range(number):
            np.save(folder / f"{index:06d}.npy", pixels)
        peaks.append(peak_megabytes(folder, tmp_path / f"out{number}"))
    assert peaks[1] - peaks[0] < 6, peaks
