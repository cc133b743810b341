"""Two folders with equal names: twins, palettes, orientation, and inputs that are wrong."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sharding.format.manifest_file import read_manifest
from sharding.verifying.verify import verify
from tests.unit.sharding.files import Run, read_tars, save_photo

Folders = tuple[Path, Path]


@pytest.fixture
def make(folders: Folders, tmp_path: Path, shard: Run):
    """Shards the two folders into `out`, with more options."""

    def run(*options: object) -> tuple[int, str]:
        names = ("--view-a", "photo", "--view-b", "label")
        return shard("folders", "--a", folders[0], "--b", folders[1], *names, "--out", tmp_path / "out", *options)

    return run


def test_twins_keep_their_pixels(folders: Folders, tmp_path: Path, make: Run) -> None:
    code, said = make()
    assert code == 0, said
    views = read_manifest(tmp_path / "out").views
    assert [(v.extension, v.channels, v.width, v.height) for v in views.values()] == [
        ("photo.jpg", 3, 32, 24),
        ("label.png", 3, 32, 24),
    ]
    for name, members in read_tars(tmp_path / "out").items():
        stem = name.partition("/")[2]
        label = Image.open(folders[1] / f"{stem}.png").convert("RGB")
        np.testing.assert_array_equal(np.asarray(members["label.png"]), np.asarray(label))
        photo = np.asarray(Image.open(folders[0] / f"{stem}.jpg"), np.float32)
        assert np.abs(np.asarray(members["photo.jpg"]) - photo).mean() < 2


def test_palette_gives_the_class_colours(tmp_path: Path, make: Run) -> None:
    code, said = make("--classes", "sky,road", "--classes-view", "label")
    assert code == 0, said
    manifest = read_manifest(tmp_path / "out")
    assert [(info.name, info.color) for info in manifest.classes] == [("sky", (255, 0, 0)), ("road", (0, 0, 255))]
    assert manifest.views["label"].renders_classes


def test_class_numbers_are_kept_when_asked(folders: Folders, tmp_path: Path, make: Run) -> None:
    code, said = make("--classes", "sky,road", "--classes-view", "label", "--classes-as", "index", "--size", 64)
    assert code == 0, said
    view = read_manifest(tmp_path / "out").views["label"]
    assert (view.content, view.channels, view.renders_classes) == ("classes", 1, False)
    for name, members in read_tars(tmp_path / "out").items():
        source = Image.open(folders[1] / f"{name.partition('/')[2]}.png").resize((64, 64), Image.Resampling.NEAREST)
        assert members["label.png"].mode == "L"
        np.testing.assert_array_equal(np.asarray(members["label.png"]), np.asarray(source))
    assert verify(tmp_path / "out") == []


def test_a_class_number_without_a_name_is_refused(make: Run) -> None:
    code, said = make("--classes", "sky", "--classes-view", "label", "--classes-as", "index")
    assert (code, "class number 1; there are 1 classes" in said) == (1, True), said


def test_another_palette_is_refused(folders: Folders, make: Run) -> None:
    image = Image.open(folders[1] / "05.png")
    image.putpalette([0, 255, 0, 0, 0, 255, *[0] * 762])
    image.save(folders[1] / "05.png")
    code, said = make("--classes", "sky,road", "--classes-view", "label", "--classes-as", "index")
    assert (code, "05.png: its palette differs" in said) == (1, True), said


def test_exif_orientation_is_applied(folders: Folders, tmp_path: Path, make: Run) -> None:
    path = folders[0] / "00.jpg"
    upright = Image.open(path)
    turned = upright.transpose(Image.Transpose.ROTATE_90)  # counter-clockwise; the tag 6 turns it back
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(path, quality=98, subsampling=0, exif=exif)
    code, said = make()
    assert code == 0, said
    stored = next(m["photo.jpg"] for name, m in read_tars(tmp_path / "out").items() if name.endswith("/00"))
    assert np.abs(np.asarray(stored, np.float32) - np.asarray(upright)).mean() < 3


def test_split_placeholder(folders: Folders, tmp_path: Path, shard: Run) -> None:
    for split, first, last in (("train", 0, 9), ("val", 9, 12)):
        for folder in folders:
            (tmp_path / split / folder.name).mkdir(parents=True)
            for path in sorted(folder.iterdir())[: last - first]:
                path.rename(tmp_path / split / folder.name / path.name)
    code, said = shard(
        "folders", "--a", tmp_path / "{split}" / "photo", "--b", tmp_path / "{split}" / "label", "--out", tmp_path / "o"
    )
    assert code == 0, said
    manifest = read_manifest(tmp_path / "o")
    assert {split: manifest.num_samples(split) for split in manifest.splits} == {"train": 9, "val": 3}


def break_twin(photos: Path, labels: Path) -> None:
    (labels / "03.png").unlink()
    (photos / "04.jpg").unlink()


def break_size(photos: Path, labels: Path) -> None:
    save_photo(photos / "07.jpg", seed=7, size=(32, 23))


def break_one_pair(photos: Path, labels: Path) -> None:
    save_photo(photos / "07.jpg", seed=7, size=(20, 20))
    Image.new("RGB", (20, 20)).save(labels / "07.png")


def break_depth(photos: Path, labels: Path) -> None:
    Image.fromarray(np.full((24, 32), 40000, np.uint16)).save(labels / "02.png")


def break_alpha(photos: Path, labels: Path) -> None:
    Image.new("RGBA", (32, 24), (1, 2, 3, 128)).save(labels / "02.png")


def break_splits(photos: Path, labels: Path) -> None:
    (photos / "train").mkdir()
    for path in photos.glob("*.jpg"):
        path.rename(photos / "train" / path.name)


@pytest.mark.parametrize(
    ("damage", "parts"),
    [
        (break_twin, ("2 images have no twin", "03.jpg: has no twin", "04.png: has no twin")),
        (break_size, ("07.jpg: 32x23", "07.png: 32x24", "--size")),
        (break_one_pair, ("07.jpg: 20x20", "not 32x24", "--size")),
        (break_depth, ("02.png: 1 channels of uint16", "1 image of view 'label' differs in type")),
        (break_alpha, ("02.png", "transparent")),
        (break_splits, ("splits", "train", "none")),
    ],
)
def test_wrong_inputs_are_named_and_nothing_is_written(
    folders: Folders, tmp_path: Path, make: Run, damage, parts: tuple[str, ...]
) -> None:
    damage(*folders)
    code, said = make()
    assert code == 1
    assert all(part in said for part in parts), said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["label", "photo"]


def test_resizing_needs_one_aspect_ratio(folders: Folders, make: Run) -> None:
    save_photo(folders[0] / "07.jpg", seed=7, size=(64, 48))
    assert make("--size", 16)[0] == 0
    save_photo(folders[0] / "07.jpg", seed=7, size=(64, 24))
    code, said = make("--size", 16, "--overwrite")
    assert (code, "07.jpg: 64x24" in said) == (1, True), said
