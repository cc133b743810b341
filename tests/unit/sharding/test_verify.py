"""Every kind of damage is found and named; a whole data set has no problems."""

import io
import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from sharding.errors import DatasetError
from sharding.format.index import list_samples
from sharding.format.manifest_file import read_manifest
from sharding.verifying.verify import verify
from sharding.work.plan import Sample
from sharding.writing.shard_file import write_shard
from tests.unit.sharding.damage import seal_as
from tests.unit.sharding.files import Run
from tests.unit.sharding.small_sets import VIEWS, varied_pixels, varied_sample, write_set, write_varied_set

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
    seal_as(dataset, manifest)


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
        (lie_about_size, TAR, "it is 32x24 pixels; the manifest says 31x24"),
        (lie_about_channels, TAR, "it has 3 channels of uint8; the manifest says 1 of uint8"),
        (lie_about_views, TAR, "members a.jpg, b.png"),
        (lie_about_classes, TAR, "holds the class 1"),
        (move_split, MANIFEST, "listed in the split 'test'"),
        (break_manifest, MANIFEST, "it is no JSON"),
        (lose_manifest, MANIFEST, "no finished data set"),
    ],
)
def test_damage_is_found_and_named(
    dataset: Path, shard: Run, damage: Callable[[Path], None], name: str, message: str
) -> None:
    damage(dataset)
    problems = verify(dataset, decode=True)
    assert any(name in problem and re.search(message, problem) for problem in problems), problems
    code, said = shard("verify", dataset)
    assert code == 1
    assert all(problem in said for problem in problems)


def rewrite(dataset: Path, change: Callable[[list[Sample]], object]) -> None:
    """As a faulty writer would: other samples in the second shard, and checksums that fit."""
    samples = [Sample(key=key, split="train", members=members) for key, members in read_bytes(dataset / TAR).items()]
    change(samples)
    shard = write_shard(dataset, TAR, samples)
    edit(dataset, lambda manifest: manifest["splits"]["train"].__setitem__(1, asdict(shard)))


def read_bytes(tar: Path) -> dict[str, dict[str, bytes]]:
    data = tar.read_bytes()
    return {
        sample[0].key: {m.extension: data[m.offset : m.offset + m.num_bytes] for m in sample}
        for sample in list_samples(tar)
    }


def put(samples: list[Sample], number: int, **changes: object) -> None:
    samples[number] = replace(samples[number], **changes)


def spoil(samples: list[Sample]) -> None:
    image = samples[0].members["a.jpg"]
    put(samples, 0, members={**samples[0].members, "a.jpg": b"\0\0" + image[2:]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (spoil, r"/train/000001\.tar: \d\d\.a\.jpg: it is no image"),
        (lambda samples: put(samples, 1, key=""), "a member is called '.a.jpg'"),
        (lambda samples: put(samples, 3, key=samples[0].key), r"holds the sample \d\d twice"),
        (lambda samples: put(samples, 1, key=samples[0].key), "the members a.jpg, b.png, a.jpg, b.png"),
        (
            lambda samples: put(samples, 1, members=samples[1].members | {"c.txt": b""}),
            "the members a.jpg, b.png, c.txt",
        ),
    ],
)
def test_what_was_wrong_before_the_checksums_were_made_is_found(
    dataset: Path, change: Callable[[list[Sample]], object], message: str
) -> None:
    rewrite(dataset, change)
    problems = verify(dataset, decode=True)
    assert any(re.search(message, problem) for problem in problems), problems


def test_a_name_in_two_shards_is_found(dataset: Path) -> None:
    key = next(iter(read_bytes(dataset / "train/000000.tar")))
    rewrite(dataset, lambda samples: put(samples, 1, key=key))
    (problem,) = verify(dataset, decode=True)
    assert problem.endswith(f"train/000000.tar and train/000001.tar: both hold a sample {key}")


def test_without_decoding_only_what_the_pixels_tell_is_missed(dataset: Path) -> None:
    rewrite(dataset, spoil)
    assert verify(dataset, decode=False) == []


@pytest.mark.parametrize(
    ("view", "message"),
    [
        ({"dtype": "uint16", "value_range": (0, 65535)}, "channels of uint8; the manifest says 3 of uint16"),
        ({"value_range": (0, 256)}, "has the value_range 0.0, 256.0, which is none of uint8"),
        ({"value_range": (9, 9)}, "has the value_range"),
        ({"channels": 0}, "channels = 0; it must be 1 or more"),
        ({"height": -24}, "height = -24"),
        ({"content": "classes"}, "holds classes in 3 channels"),
        ({"extension": "b.png"}, "'b.png' is there twice"),
        ({"renders_classes": True}, None),
        ({"width": None, "height": None}, None),
    ],
)
def test_a_manifest_that_lies_about_a_view_is_found(dataset: Path, view: dict, message: str | None) -> None:
    edit(dataset, lambda manifest: manifest["views"]["a"].update(view))
    problems = verify(dataset, decode=True)
    assert any(message in problem for problem in problems) if message else problems == [], problems


@pytest.fixture
def varied(tmp_path: Path) -> Path:
    write_varied_set(tmp_path / "varied")
    return tmp_path / "varied"


def test_views_of_all_types_are_checked(varied: Path) -> None:
    assert verify(varied, decode=True) == []


@pytest.mark.parametrize(
    ("view", "changes", "message"),
    [
        (
            "depth",
            {"dtype": "uint8", "value_range": (0, 255)},
            "s0.depth.png: it has 1 channels of uint16; the manifest says 1 of uint8",
        ),
        ("depth", {"channels": 3}, "s0.depth.png: it has 1 channels of uint16; the manifest says 3"),
        ("heat", {"channels": 1}, "s0.heat.npy: it has 2 channels of float32; the manifest says 1"),
        ("heat", {"height": 16}, "s1.heat.npy: it is 16x17 pixels; the manifest says 16x16"),
        (
            "heat",
            {"dtype": "uint16", "value_range": (0, 9)},
            "s0.heat.npy: it has 2 channels of float32; the manifest says 2 of uint16",
        ),
        ("heat", {"value_range": (2, 3)}, "has the value_range 2.0, 3.0; its images hold -0.99"),
        ("heat", {"value_range": (2, 1e999)}, "Infinity is no number of JSON"),
        ("photo", {"content": "classes", "channels": 1}, "s0.photo.jpg: has 3 channels of uint8, where class numbers"),
    ],
)
def test_lies_about_views_of_all_types_are_found(varied: Path, view: str, changes: dict, message: str) -> None:
    edit(varied, lambda manifest: manifest["views"][view].update(changes))
    problems = verify(varied, decode=True)
    assert any(message in problem for problem in problems), problems


def test_values_that_are_no_numbers_are_found(varied: Path) -> None:
    heat = varied_pixels(0)["heat"]
    heat[3, 4, 1] = np.nan
    buffer = io.BytesIO()
    np.save(buffer, heat)
    sample = varied_sample(0)
    write_set(
        varied / "nan",
        views=VIEWS,
        shards={"train": [[replace(sample, members={**sample.members, "heat.npy": buffer.getvalue()})]]},
    )
    (problem,) = verify(varied / "nan", decode=True)
    assert "s0.heat.npy: holds NaN" in problem


def test_each_byte_is_read_once(varied: Path) -> None:
    heard: list[tuple[int, int]] = []
    assert verify(varied, decode=True, workers=2, progress=lambda *now: heard.append(now)) == []
    num_bytes = sum(path.stat().st_size for path in varied.rglob("*.tar"))
    assert heard[-1] == (num_bytes, num_bytes)
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)


def test_an_edited_manifest_can_be_sealed_and_an_invalid_one_cannot(varied: Path, shard: Run) -> None:
    path = varied / MANIFEST
    path.write_text(path.read_text().replace('"sea"', '"ocean"'))
    with pytest.raises(DatasetError, match=r"changed since it was written.*`diptych shard seal` gives it a new one"):
        read_manifest(varied)
    code, said = shard("seal", varied)
    assert code == 0, said
    assert read_manifest(varied).classes[0].name == "ocean"
    assert verify(varied) == []
    path.write_text(path.read_text().replace('"num_bytes"', '"num_bites"'))
    before = path.read_bytes()
    assert shard("seal", varied)[0] == 1
    assert path.read_bytes() == before


def test_the_checksum_of_a_manifest_can_be_had_with_plain_tools(varied: Path) -> None:
    command = f"head -c -67 {varied / MANIFEST} | sha256sum"
    digest = subprocess.run(command, shell=True, check=True, capture_output=True, text=True).stdout.split()[0]
    assert json.loads((varied / MANIFEST).read_text())["sha256"] == digest
