"""Every kind of damage is found and named; a whole data set has no problems."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sharding.index import list_samples
from sharding.verify import verify
from tests.unit.sharding.files import Run

TAR, INDEX, MANIFEST = "train/000001.tar", "train/000001.idx", "dataset.json"


@pytest.fixture
def dataset(folders: tuple[Path, Path], tmp_path: Path, shard: Run) -> Path:
    out = tmp_path / "out"
    classes = ("--classes", "sky,road", "--classes-view", "b", "--classes-as", "index")
    code, said = shard("folders", "--a", folders[0], "--b", folders[1], "--out", out, "--shard-samples", 4, *classes)
    assert code == 0, said
    return out


def flip_byte(dataset: Path) -> None:
    sample = list_samples(dataset / TAR)[0]
    data = bytearray((dataset / TAR).read_bytes())
    data[sample[0].offset + sample[0].num_bytes // 2] ^= 1
    (dataset / TAR).write_bytes(data)


def cut_short(dataset: Path) -> None:
    data = (dataset / TAR).read_bytes()
    (dataset / TAR).write_bytes(data[: len(data) // 2])


def lose_tar(dataset: Path) -> None:
    (dataset / TAR).unlink()


def lose_index(dataset: Path) -> None:
    (dataset / INDEX).unlink()


def add_shard(dataset: Path) -> None:
    (dataset / "train/000009.tar").write_bytes((dataset / TAR).read_bytes())


def shift_index(dataset: Path) -> None:
    text = (dataset / INDEX).read_text()
    (dataset / INDEX).write_text(text.replace(" 512 ", " 1024 "))


def edit(dataset: Path, change: Callable[[dict], object]) -> None:
    manifest = json.loads((dataset / MANIFEST).read_text())
    change(manifest)
    (dataset / MANIFEST).write_text(json.dumps(manifest))


def lie_about_count(dataset: Path) -> None:
    edit(dataset, lambda manifest: manifest["splits"]["train"][1].update(num_samples=3))


def lie_about_size(dataset: Path) -> None:
    edit(dataset, lambda manifest: manifest["views"]["a"].update(width=31))


def lie_about_channels(dataset: Path) -> None:
    edit(dataset, lambda manifest: manifest["views"]["a"].update(channels=1))


def lie_about_views(dataset: Path) -> None:
    edit(dataset, lambda manifest: manifest["views"]["a"].update(extension="c.jpg"))


def lie_about_classes(dataset: Path) -> None:
    edit(dataset, lambda manifest: manifest["classes"].pop())


def move_split(dataset: Path) -> None:
    edit(dataset, lambda manifest: manifest["splits"]["test"].append(manifest["splits"]["train"].pop()))


def break_manifest(dataset: Path) -> None:
    (dataset / MANIFEST).write_text("{")


def lose_manifest(dataset: Path) -> None:
    (dataset / MANIFEST).unlink()


def test_a_whole_data_set_has_no_problems(dataset: Path, shard: Run) -> None:
    assert verify(dataset, decode=True) == []
    assert shard("verify", dataset)[0] == 0


@pytest.mark.parametrize(
    ("damage", "name", "message"),
    [
        (flip_byte, TAR, "SHA-256"),
        (cut_short, TAR, "bytes"),
        (cut_short, TAR, "cut short|no readable tar"),
        (lose_tar, TAR, "missing"),
        (lose_index, INDEX, "missing"),
        (add_shard, "train/000009.tar", "not listed"),
        (shift_index, INDEX, "does not fit"),
        (lie_about_count, TAR, "holds 4 samples, dataset.json says 3"),
        (lie_about_size, TAR, r"has the shape \(24, 32, 3\)"),
        (lie_about_channels, TAR, r"says \(24, 32\)"),
        (lie_about_views, TAR, "members a.jpg, b.png"),
        (lie_about_classes, TAR, "holds the class 1"),
        (move_split, MANIFEST, "listed in the split 'test'"),
        (break_manifest, MANIFEST, "not a valid manifest"),
        (lose_manifest, MANIFEST, "no finished data set"),
    ],
)
def test_damage_is_found_and_named(
    dataset: Path, shard: Run, damage: Callable[[Path], None], name: str, message: str
) -> None:
    import re

    damage(dataset)
    problems = verify(dataset, decode=True)
    assert any(name in problem and re.search(message, problem) for problem in problems), problems
    code, said = shard("verify", dataset)
    assert code == 1
    assert all(problem in said for problem in problems)


def test_a_broken_image_with_a_right_checksum_is_found_by_decoding(dataset: Path) -> None:
    """The damage was there before the checksums were made."""
    from sharding.shard_file import file_sha256

    sample = list_samples(dataset / TAR)[0]
    data = bytearray((dataset / TAR).read_bytes())
    data[sample[0].offset : sample[0].offset + 2] = b"\0\0"
    (dataset / TAR).write_bytes(data)
    edit(dataset, lambda m: m["splits"]["train"][1].update(sha256=file_sha256(dataset / TAR)))
    assert verify(dataset, decode=False) == []
    assert len(verify(dataset, decode=True)) == 1
