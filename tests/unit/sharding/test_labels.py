"""Labels of image files: class folders, CSV, names; and every file that has none is named."""

import json
from pathlib import Path

import pytest
from PIL import Image

from sharding.errors import OptionError
from sharding.format.manifest_file import read_manifest
from sharding.inputs.labels import (
    AGES,
    UTKFACE,
    LabelOptions,
    label_numbers,
    number_labels,
    order_names,
    utkface_labels,
)
from sharding.verifying.verify import verify
from tests.pairs import write_labels
from tests.unit.sharding.files import Run, contents, read_members, save_photo


@pytest.fixture
def make(tmp_path: Path, shard: Run) -> Run:
    """Shards the folder `in` of single images into `out`."""
    (tmp_path / "in").mkdir()
    return lambda *options: shard("images", "--folder", tmp_path / "in", "--out", tmp_path / "out", *options)


def save_all(folder: Path, *names: str) -> None:
    for seed, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        save_photo(folder / name, seed=seed)


def labels_of(out: Path) -> dict[str, dict[str, str]]:
    """The names of the labels of each sample, by key."""
    infos = read_manifest(out).labels
    samples = read_members(out)
    return {
        key.partition("/")[2]: {name: infos[name].names[value] for name, value in members["json"].items()}
        for key, members in samples.items()
    }


def test_single_images_without_labels(tmp_path: Path, make: Run) -> None:
    save_all(tmp_path / "in", *(f"{i}.jpg" for i in range(10)))
    code, said = make("--view", "face", "--size", 16)
    assert code == 0, said
    manifest = read_manifest(tmp_path / "out")
    assert (manifest.labels, list(manifest.views), manifest.views["face"].extension) == ({}, ["face"], "face.jpg")
    assert {split: manifest.num_samples(split) for split in manifest.splits} == {"train": 8, "val": 1, "test": 1}
    assert {frozenset(members) for members in read_members(tmp_path / "out").values()} == {frozenset({"face.jpg"})}


@pytest.mark.parametrize("splits", [("",), ("train/", "test/")])
def test_class_folders(tmp_path: Path, make: Run, splits: tuple[str, ...]) -> None:
    names = [f"{split}{kind}/{i}.jpg" for split in splits for kind in ("dog", "cat") for i in range(3)]
    save_all(tmp_path / "in", *names)
    code, said = make("--labels", "folders")
    assert code == 0, said
    assert verify(tmp_path / "out", decode=True) == []
    manifest = read_manifest(tmp_path / "out")
    assert manifest.labels["class"].names == ["cat", "dog"]
    found = {f"{key.split('/')[0]}/{key}": None for key in read_members(tmp_path / "out")}
    assert len(found) == len(names)
    for key, labels in labels_of(tmp_path / "out").items():
        assert key.startswith(f"{labels['class']}%2F")
    if len(splits) == 2:
        assert {split: manifest.num_samples(split) for split in manifest.splits} == {"train": 6, "test": 6}


def test_class_folders_below_a_placeholder(tmp_path: Path, shard: Run) -> None:
    save_all(tmp_path, "x/train/im/cat/1.jpg", "x/train/im/dog/1.jpg", "x/val/im/cat/1.jpg")
    code, said = shard(
        "images", "--folder", tmp_path / "x/{split}/im", "--out", tmp_path / "out", "--labels", "folders"
    )
    assert code == 0, said
    assert sorted(read_members(tmp_path / "out")) == ["train/cat%2F1", "train/dog%2F1", "val/cat%2F1"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["1.jpg"], "the image 1.jpg"),
        (["cat/1.jpg", "1.jpg"], "the image 1.jpg"),
        (["train/cat/1.jpg", "cat/1.jpg"], "splits or classes"),
        (["train/cat/1.jpg", "train/1.jpg"], "the image 1.jpg"),
        (["cat/1.jpg", "dog/text.txt"], "dog holds no images"),
        ([], "no sub-folders"),
    ],
)
def test_folders_that_are_no_classes(tmp_path: Path, make: Run, names: list[str], message: str) -> None:
    for name in names:
        save_all(tmp_path / "in", name.replace(".txt", ".jpg"))
        if name.endswith(".txt"):
            (tmp_path / "in" / name.replace(".txt", ".jpg")).rename(tmp_path / "in" / name)
    code, said = make("--labels", "folders")
    assert (code, message in said) == (1, True), said
    assert not (tmp_path / "out").exists()


def test_csv_finds_files_by_name_stem_or_folder(tmp_path: Path, make: Run) -> None:
    save_all(tmp_path / "in", "train/1.jpg", "train/2.jpg", "val/1.jpg")
    rows = ["file,kind,height", "2,cat,10", "val/1.jpg,dog,9", "1.jpg,owl,100", "not_here.jpg,ape,3"]
    (tmp_path / "x.csv").write_text("\n".join(rows))
    code, said = make("--labels", f"csv:{tmp_path / 'x.csv'}", "--ordinal", "height")
    assert code == 0, said
    infos = read_manifest(tmp_path / "out").labels
    assert (infos["kind"].names, infos["kind"].ordinal) == (["cat", "dog", "owl"], False)
    assert (infos["height"].names, infos["height"].ordinal) == (["9", "10", "100"], True)  # numbers by size
    samples = read_members(tmp_path / "out")
    assert samples["train/1"]["json"] == {"height": 2, "kind": 2}
    assert samples["train/2"]["json"] == {"height": 1, "kind": 0}
    assert samples["val/1"]["json"] == {"height": 0, "kind": 1}
    assert "kind: 3, height: 3 in order" in said


def test_a_changed_csv_is_another_set(tmp_path: Path, make: Run) -> None:
    save_all(tmp_path / "in", "1.jpg", "2.jpg")
    csv = tmp_path / "x.csv"
    csv.write_text("file,kind\n1.jpg,cat\n2.jpg,dog\n")
    assert make("--labels", f"csv:{csv}")[0] == 0
    code, said = make("--labels", f"csv:{csv}")
    assert (code, "already there" in said) == (0, True)
    csv.write_text("file,kind\n1.jpg,dogs\n2.jpg,cat\n")
    assert make("--labels", f"csv:{csv}")[0] == 1


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("file,kind\n1.jpg,cat\n", ("2 images have no row", "2.jpg", "3.jpg")),
        ("file,kind\n1.jpg,cat\n2.jpg,\n3.jpg,dog\n", ("or an empty label", "2.jpg: the label kind is empty")),
        ("file,kind\n1.jpg,cat\n1.jpg,dog\n", ("1 name has two rows", "1.jpg")),
        ("file,kind\n1.jpg,cat,5\n", ("1 row does not have 2 columns", "1.jpg,cat,5")),
        ("file\n1.jpg\n", ("first line",)),
        ("", ("first line",)),
        (None, ("x.csv is no file",)),
    ],
)
def test_wrong_csv_files_are_named(tmp_path: Path, make: Run, text: str | None, parts: tuple[str, ...]) -> None:
    save_all(tmp_path / "in", "1.jpg", "2.jpg", "3.jpg")
    if text is not None:
        (tmp_path / "x.csv").write_text(text)
    code, said = make("--labels", f"csv:{tmp_path / 'x.csv'}")
    assert (code, [part for part in (*parts, "x.csv") if part not in said]) == (1, []), said
    assert not (tmp_path / "out").exists()


def test_patterns(tmp_path: Path, make: Run) -> None:
    save_all(tmp_path / "in", "A_large_0.jpg", "B_small_1.jpg", "A_small_2.jpg")
    pattern = r"pattern:(?P<character>[AB])_(?P<size>[a-z]+)_\d+"
    code, said = make("--labels", pattern, "--ordinal", "size=small,medium,large")
    assert code == 0, said
    assert read_manifest(tmp_path / "out").labels["size"].names == ["small", "medium", "large"]
    assert labels_of(tmp_path / "out")["A_large_0"] == {"character": "A", "size": "large"}
    code, said = make("--labels", pattern, "--overwrite", "--ordinal", "size")
    assert (code, "no numbers" in said) == (2, True), said
    code, said = make("--labels", pattern, "--overwrite", "--ordinal", "size=small,medium")
    assert (code, "also have large" in said) == (2, True), said
    code, said = make("--labels", pattern, "--overwrite", "--ordinal", "age")
    assert (code, "character, size" in said) == (2, True), said
    save_all(tmp_path / "in", "C_small_3.jpg", "A_small_.jpg")
    code, said = make("--labels", pattern, "--overwrite")
    assert code == 1
    assert all(part in said for part in ("2 names do not match", "C_small_3.jpg", "A_small_.jpg")), said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--labels", "names"), "use folders, csv:FILE"),
        (("--labels", "csv:"), "use folders, csv:FILE"),
        (("--labels", "folders:x"), "use folders, csv:FILE"),
        (("--labels", "pattern:(?P<a>"), "no regular expression"),
        (("--labels", "pattern:(a)_b"), "(?P<character>"),
        (("--ordinal", "age"), "--ordinal: it goes with"),
        (("--labels", "utkface", "--ordinal", "age"), "--ordinal: it goes with"),
    ],
)
def test_impossible_label_options(make: Run, options: tuple[str, ...], message: str) -> None:
    code, said = make(*options)
    assert (code, message in said) == (2, True), said


def test_utkface_ages_fall_into_the_ten_groups_of_caae(tmp_path: Path, make: Run) -> None:
    assert AGES == ["0-5", "6-10", "11-15", "16-20", "21-30", "31-40", "41-50", "51-60", "61-70", "71+"]
    years = {0: 0, 5: 0, 6: 1, 10: 1, 11: 2, 15: 2, 16: 3, 20: 3, 21: 4, 30: 4, 31: 5, 40: 5, 70: 8, 71: 9, 116: 9}
    for age, group in years.items():
        found = utkface_labels({"age": str(age), "gender": "1", "race": "4"})
        assert found == {"age": AGES[group], "gender": "female", "race": "other"}
    save_all(tmp_path / "in", "26_0_3_20170117.jpg", "1_1_4_20161219.jpg", "101_1_0_2017.jpg.chip.jpg")
    code, said = make("--labels", "utkface", "--size", 32)
    assert code == 0, said
    assert read_manifest(tmp_path / "out").labels == UTKFACE
    assert labels_of(tmp_path / "out") == {
        "26_0_3_20170117": {"age": "21-30", "gender": "male", "race": "indian"},
        "1_1_4_20161219": {"age": "0-5", "gender": "female", "race": "other"},
        "101_1_0_2017%2Ejpg%2Echip": {"age": "71+", "gender": "female", "race": "white"},
    }
    save_all(tmp_path / "in", "61_1_20170109.jpg")  # the set has a few without the race
    code, said = make("--labels", "utkface", "--size", 32, "--overwrite")
    assert (code, "61_1_20170109.jpg" in said, "1 name does not match" in said) == (1, True, True), said


def test_pairs_take_labels_too(pairs: Path, tmp_path: Path, shard: Run) -> None:
    write_labels(tmp_path / "labels.csv", num_pairs=12)
    make = ("pairs", "--folder", pairs, "--labels", f"csv:{tmp_path / 'labels.csv'}", "--ordinal", "weight")
    assert shard(*make, "--out", tmp_path / "out")[0] == 0
    infos = read_manifest(tmp_path / "out").labels
    assert {name: (info.names, info.ordinal) for name, info in infos.items()} == {
        "character": (["A", "B", "C"], False),
        "weight": (["1", "2", "3", "4"], True),
    }
    for key, members in read_members(tmp_path / "out").items():
        number = int(key.partition("/")[2])
        assert list(members) == ["a.png", "b.png", "json"]
        assert members["json"] == {"character": number % 3, "weight": number // 3}
    assert verify(tmp_path / "out", decode=True) == []
    write_labels(tmp_path / "labels.csv", num_pairs=13)
    assert shard(*make, "--out", tmp_path / "out")[0] == 1  # other labels are another set


def test_class_folders_of_pairs(pairs: Path, tmp_path: Path, shard: Run) -> None:
    for path in sorted(pairs.glob("*.png")):
        (pairs / f"k{int(path.stem) % 2}").mkdir(exist_ok=True)
        path.rename(pairs / f"k{int(path.stem) % 2}" / path.name)
    assert shard("pairs", "--folder", pairs, "--labels", "folders", "--out", tmp_path / "out")[0] == 0
    assert {labels["class"] for labels in labels_of(tmp_path / "out").values()} == {"k0", "k1"}


def test_labels_do_not_move_a_sample_to_another_split_or_place(pairs: Path, tmp_path: Path, shard: Run) -> None:
    write_labels(tmp_path / "labels.csv", num_pairs=12)
    assert shard("pairs", "--folder", pairs, "--out", tmp_path / "bare")[0] == 0
    labels = ("--labels", f"csv:{tmp_path / 'labels.csv'}")
    assert shard("pairs", "--folder", pairs, "--out", tmp_path / "labelled", *labels)[0] == 0
    assert list(read_members(tmp_path / "bare")) == list(read_members(tmp_path / "labelled"))
    assert "labels" not in json.loads(contents(tmp_path / "bare")["dataset.json"])["made_by"]["options"]


def test_webdataset_reads_labels(pairs: Path, tmp_path: Path, shard: Run) -> None:
    import webdataset as wds

    write_labels(tmp_path / "labels.csv", num_pairs=12)
    labels = ("--labels", f"csv:{tmp_path / 'labels.csv'}")
    assert shard("pairs", "--folder", pairs, "--out", tmp_path / "out", *labels)[0] == 0
    samples = wds.WebDataset(str(tmp_path / "out/train/000000.tar"), shardshuffle=False).decode("rgb8")
    for sample in samples:
        assert sample["json"]["character"] == int(sample["__key__"]) % 3


def test_names_are_numbered_in_order() -> None:
    texts = [{"n": "10"}, {"n": "9"}, {"n": "-1"}]
    infos = number_labels(texts, ordinal=())
    assert infos["n"].names == ["-1", "9", "10"]
    assert [label_numbers(labels, infos)["n"] for labels in texts] == [2, 1, 0]
    assert order_names("n", {"b", "a", "10"}, None) == ["10", "a", "b"]
    with pytest.raises(OptionError, match="twice"):
        order_names("n", {"a"}, "a,b,a")
    assert LabelOptions().reader() is None


def test_images_of_different_sizes_need_a_size(tmp_path: Path, make: Run) -> None:
    save_all(tmp_path / "in", "1.jpg", "2.jpg", "3.jpg")
    Image.new("RGB", (20, 20)).save(tmp_path / "in/4.jpg")
    code, said = make()
    assert (code, "4.jpg: 20x20" in said) == (1, True), said
