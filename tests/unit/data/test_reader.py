"""Reading shards by index, and what is said when they are damaged."""

import hashlib
import json
import shutil

import pytest

from sharding.errors import DatasetError
from sharding.format.manifest_file import read_manifest, seal_manifest
from sharding.reading.reader import ShardReader
from sharding.reading.shard_files import LocalFiles
from tests.unit.data.tiny_shards import LABELS, SHARDS, VIEWS, noisy_labels, noisy_sample, noisy_shards, write_dataset


def open_reader(folder, *, split="train", views=("photo", "lossy"), **options):
    return ShardReader(folder, read_manifest(folder), split=split, views=views, **options)


def places(split):
    """(shard, index) of each sample, in the stored order."""
    return [(shard, index) for shard, size in enumerate(SHARDS[split]) for index in range(size)]


def replace_index(folder, name, content):
    """Write an index and its checksum, as a faulty writer would."""
    (folder / name).write_text(content)
    manifest = json.loads((folder / "dataset.json").read_text())
    for shard in manifest["splits"]["train"]:
        if shard["path"] == name.replace(".idx", ".tar"):
            shard["index_sha256"] = hashlib.sha256(content.encode()).hexdigest()
    (folder / "dataset.json").write_text(json.dumps(manifest))
    seal_manifest(folder)


@pytest.mark.parametrize("split", SHARDS)
def test_every_sample_is_read_as_it_was_written(noisy, split):
    reader = open_reader(noisy, split=split, views=tuple(VIEWS))
    assert reader.shard_sizes == list(SHARDS[split])
    for ordinal, (shard, index) in enumerate(places(split)):
        key, files = noisy_sample(split, ordinal)
        assert reader.key(shard, index) == key
        assert reader.read(shard, index) == files


@pytest.mark.parametrize("label", LABELS)
def test_every_label_is_read_as_it_was_written(noisy, label):
    reader = open_reader(noisy, labels=[label])
    for ordinal, place in enumerate(places("train")):
        assert reader.labels(*place) == (noisy_labels(ordinal)[label],)


def test_an_unpaired_reader_sees_the_shards_of_its_view(unpaired):
    reader = open_reader(unpaired, views=["map"], labels=["size"])
    assert reader.shard_sizes == [3, 3]
    assert reader.read(1, 0) == noisy_sample("train", 3, views=["map"])[1]
    assert [reader.labels(0, index) for index in range(3)] == [(0,), (1,), (0,)]


def test_views_that_no_sample_has_together_are_named(unpaired):
    with pytest.raises(DatasetError, match=r"no samples in split 'train' that have 'photo' and 'map' together"):
        open_reader(unpaired, views=["photo", "map"])


def test_only_the_wanted_views_are_read(noisy):
    assert list(open_reader(noisy, views=("height",)).read(0, 0)) == ["height"]


def test_few_files_are_open_at_a_time(noisy, monkeypatch):
    opened, open_tar = [], LocalFiles.open

    def watched(files, shard):
        opened.append(shard.path)
        return open_tar(files, shard)

    monkeypatch.setattr(LocalFiles, "open", watched)
    reader = open_reader(noisy, max_open=2)
    for shard in (0, 1, 0, 2, 0, 1):
        assert reader.read(shard, 0)["photo"] == noisy_sample("train", (0, 5, 9)[shard])[1]["photo"]
    # 0 was used between 1 and 2, so 1 was closed to open 2.
    assert opened == [f"train/{number:06d}.tar" for number in (0, 1, 2, 1)]
    reader.close()
    reader.read(1, 0)
    assert len(opened) == 5


def test_a_tar_cut_short_is_found_before_training(damaged):
    tar = damaged / "train/000001.tar"
    tar.write_bytes(tar.read_bytes()[:-512])
    with pytest.raises(DatasetError, match=r"000001\.tar has \d+ bytes; the manifest says \d+.*diptych shard verify"):
        open_reader(damaged)
    open_reader(damaged, split="test")


def test_a_tar_cut_short_while_it_is_read(damaged):
    reader = open_reader(damaged)
    tar = damaged / "train/000001.tar"
    tar.write_bytes(tar.read_bytes()[:1000])
    with pytest.raises(DatasetError, match=r"000001\.tar, sample 'train-6': only 0 of the \d+ bytes of view 'photo'"):
        reader.read(1, 1)


def test_a_tar_that_vanishes_while_it_is_read(damaged):
    reader = open_reader(damaged)
    (damaged / "train/000002.tar").unlink()
    with pytest.raises(DatasetError, match=r"000002\.tar cannot be opened \(No such file"):
        reader.read(2, 0)


@pytest.mark.parametrize("suffix", ["tar", "idx"])
def test_a_missing_file_is_named(damaged, suffix):
    (damaged / f"train/000002.{suffix}").unlink()
    with pytest.raises(DatasetError, match=rf"000002\.{suffix} (is missing|cannot be read).*diptych shard verify"):
        open_reader(damaged)


def test_the_index_of_another_shard_is_refused(damaged):
    shutil.copy(damaged / "train/000000.idx", damaged / "train/000001.idx")
    with pytest.raises(DatasetError, match=r"000001\.idx is not the index that the manifest lists"):
        open_reader(damaged)


def test_an_index_with_too_few_samples_is_refused(damaged):
    lines = (damaged / "train/000000.idx").read_text().splitlines(keepends=True)
    replace_index(damaged, "train/000000.idx", "".join(lines[:-1]))
    with pytest.raises(DatasetError, match=r"000000\.idx begins with 'v1\.2 5' and has 4 samples"):
        open_reader(damaged)


def test_an_index_of_an_older_version_is_refused(damaged):
    content = (damaged / "train/000000.idx").read_text()
    replace_index(damaged, "train/000000.idx", content.replace("v1.2", "v1.1"))
    with pytest.raises(DatasetError, match=r"begins with 'v1\.1 5'"):
        open_reader(damaged)


def test_an_index_line_that_is_not_whole_is_refused(damaged):
    content = (damaged / "train/000000.idx").read_text()
    replace_index(damaged, "train/000000.idx", content.rstrip().rsplit(" ", 1)[0] + "\n")
    with pytest.raises(DatasetError, match="not made of 'extension offset size filename'"):
        open_reader(damaged)


def test_a_sample_without_a_view_is_named(damaged):
    content = (damaged / "train/000000.idx").read_text()
    replace_index(damaged, "train/000000.idx", content.replace("lossy.jpg", "other.jpg", 2))
    with pytest.raises(DatasetError, match=r"sample 'train-0' has no member train-0\.lossy\.jpg"):
        open_reader(damaged)
    open_reader(damaged, views=("photo", "height"))


def test_a_sample_past_the_end_of_its_tar_is_named(damaged):
    header, *lines = (damaged / "train/000000.idx").read_text().splitlines()
    fields = lines[3].split()
    fields[fields.index("photo.png") + 1] = "99999999"
    lines[3] = " ".join(fields)
    replace_index(damaged, "train/000000.idx", "\n".join([header, *lines]) + "\n")
    with pytest.raises(DatasetError, match=r"000000\.idx places sample 'train-3' outside its tar"):
        open_reader(damaged)


def test_a_view_that_does_not_exist_names_those_that_do(noisy):
    with pytest.raises(DatasetError, match=r"no view 'relief'; it has: height, lossy, map, photo"):
        open_reader(noisy, views=("photo", "relief"))


def test_a_split_that_does_not_exist_names_those_that_do(noisy):
    with pytest.raises(DatasetError, match=r"no samples in split 'val'; splits that have any: train, test"):
        open_reader(noisy, split="val")


def test_a_label_that_does_not_exist_names_those_that_do(noisy):
    with pytest.raises(DatasetError, match=r"no label 'age'; it has: kind, size"):
        open_reader(noisy, labels=["age"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"size": 2, "kind": 1}', r"label 'size' is 2, where 0 to 1 are possible; its labels are \{\"size\": 2"),
        (b'{"size": -1}', "label 'size' is -1"),
        (b'{"size": true}', "label 'size' is True"),
        (b'{"size": "small"}', "label 'size' is 'small'"),
        (b'{"kind": 1}', "label 'size' is None"),
        (b"[1]", "label 'size' is None"),
        (b'{"size": 1', "its labels are not JSON"),
        (b"\xff", "its labels are not JSON"),
    ],
)
def test_a_label_that_is_none_is_named(tmp_path, content, message):
    (samples,) = noisy_shards("train", [3])
    samples[1][1]["json"] = content
    write_dataset(tmp_path, views=VIEWS, labels=LABELS, splits={"train": [samples]})
    reader = open_reader(tmp_path, labels=["size"])
    assert reader.labels(0, 0) == (0,)
    with pytest.raises(DatasetError, match=rf"000000\.tar, sample 'train-1': {message}.*diptych shard verify"):
        reader.labels(0, 1)


def test_a_sample_without_labels_is_named(tmp_path):
    (samples,) = noisy_shards("train", [3])
    del samples[2][1]["json"]
    write_dataset(tmp_path, views=VIEWS, labels=LABELS, splits={"train": [samples]})
    open_reader(tmp_path)
    with pytest.raises(DatasetError, match=r"000000\.idx: sample 'train-2' has no member train-2\.json"):
        open_reader(tmp_path, labels=["size"])


def test_labels_cut_off_while_they_are_read(damaged):
    reader = open_reader(damaged, labels=["size"])
    tar = damaged / "train/000001.tar"
    tar.write_bytes(tar.read_bytes()[:1000])
    with pytest.raises(DatasetError, match=r"000001\.tar, sample 'train-6': only 0 of the \d+ bytes of its labels"):
        reader.labels(1, 1)
