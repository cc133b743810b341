"""The index equals DALI's own, and is refused where it cannot be trusted."""

import hashlib
from pathlib import Path

import pytest
from wds2idx import IndexCreator

from sharding.errors import DatasetError
from sharding.format.index import Member, format_index, list_samples
from sharding.format.manifest import Shard
from sharding.format.names import key_of
from sharding.reading.shard_index import ShardIndex, parse_index
from sharding.work.plan import Sample
from sharding.writing.shard_file import write_shard

STEMS = ["plain", "with space", "dotted.name.v2", "größe-日本", "x" * 200, "-dash", "per%cent", "a~b"]


def read_index(path: Path, *, num_samples: int, num_bytes: int) -> ShardIndex:
    """Where the members a.jpg and b.png of each sample lie."""
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    shard = Shard(path="x.tar", num_samples=num_samples, num_bytes=num_bytes, sha256="", index_sha256=sha256)
    return parse_index(content, shard, path=path, most_bytes={"a.jpg": 10**6, "b.png": 10**6})


@pytest.fixture
def tar(tmp_path: Path) -> Path:
    samples = [
        Sample(key=key_of(stem), split="train", members={"a.jpg": b"a" * (511 + i), "b.png": b"b" * (1024 * i)})
        for i, stem in enumerate(STEMS)
    ]
    write_shard(tmp_path, "train/000000.tar", samples)
    return tmp_path / "train/000000.tar"


def test_equals_the_index_that_dali_makes(tar: Path, tmp_path: Path) -> None:
    with IndexCreator(str(tar), str(tmp_path / "dali.idx"), verbose=False) as creator:
        creator.create_index()
    assert tar.with_suffix(".idx").read_bytes() == (tmp_path / "dali.idx").read_bytes()


def test_offsets_point_at_the_contents(tar: Path) -> None:
    data = tar.read_bytes()
    index = read_index(tar.with_suffix(".idx"), num_samples=len(STEMS), num_bytes=len(data))
    samples = list_samples(tar)
    assert index.keys == [sample[0].key for sample in samples]
    assert index.offsets.tolist() == [[member.offset for member in sample] for sample in samples]
    assert index.sizes.tolist() == [[member.num_bytes for member in sample] for sample in samples]
    for i, places in enumerate(zip(index.offsets, index.sizes, strict=True)):
        found = [data[offset : offset + size] for offset, size in zip(*places, strict=True)]
        assert found == [b"a" * (511 + i), b"b" * (1024 * i)]


def test_text_of_a_known_index() -> None:
    member = Member(extension="a.jpg", offset=512, num_bytes=7, name="x.a.jpg")
    other = Member(extension="b.png", offset=1536, num_bytes=9, name="x.b.png")
    assert format_index([[member, other]]) == "v1.2 1\na.jpg 512 7 x.a.jpg b.png 1536 9 x.b.png\n"


@pytest.mark.parametrize("keep", [0, 100, 512, 700, 3000, -1024, -512])
def test_a_tar_cut_short_is_refused(tar: Path, keep: int) -> None:
    data = tar.read_bytes()
    end = len(data.rstrip(b"\0")) + 1024  # roughly where the closing zero blocks are
    tar.write_bytes(data[: keep if keep >= 0 else end + keep - 1024])
    with pytest.raises(DatasetError, match=r"000000\.tar"):
        list_samples(tar)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v1.1 1\na.jpg 0 1 x.a.jpg\n",
        "v1.2 2\na.jpg 0 1 x.a.jpg\n",
        "v1.2 1\na.jpg 0 1\n",
        "v1.2 1\na.jpg 0 one x\n",
    ],
)
def test_a_wrong_index_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.idx").write_text(text)
    with pytest.raises(DatasetError, match=r"x\.idx"):
        read_index(tmp_path / "x.idx", num_samples=1, num_bytes=10**6)


def test_different_stems_have_different_keys() -> None:
    stems = [*STEMS, "x" * 201, "dotted_name_v2", "with%20space", "a%7Eb"]
    keys = [key_of(stem) for stem in stems]
    assert len(set(keys)) == len(stems)
    assert all(key.isascii() and len(key) <= 60 and not set(key) & set(" ./") for key in keys)
    assert key_of("cmp_b0001-x") == "cmp_b0001-x"
