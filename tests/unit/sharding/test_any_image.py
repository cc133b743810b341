"""Any image: channels, depths, formats, alpha, ranges; and inputs that cannot be used, left out on request."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from sharding.format import codec
from sharding.format.index import list_samples
from sharding.format.manifest_file import read_manifest
from sharding.verifying.verify import verify
from tests.unit.sharding.files import Run, save_photo

Draw = Callable[[int, int, int, str], np.ndarray]


def noise(height: int, width: int, channels: int, dtype: str, *, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    if dtype == "float32":
        return random.normal(0, 10, (height, width, channels)).astype(np.float32)
    return random.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype=dtype, endpoint=True)


def save(path: Path, pixels: np.ndarray) -> None:
    if path.suffix == ".npy":
        np.save(path, pixels)
    elif path.suffix == ".tif":
        tifffile.imwrite(path, pixels, photometric="minisblack", planarconfig="contig")
    else:
        path.write_bytes(codec.encode(pixels, "png"))


def stored(out: Path) -> dict[str, np.ndarray]:
    """Decoded pixels of all members by `<key>.<extension>`."""
    pixels = {}
    for tar in out.rglob("*.tar"):
        content = tar.read_bytes()
        for sample in list_samples(tar):
            for member in sample:
                data = content[member.offset : member.offset + member.num_bytes]
                pixels[member.name] = codec.decode(data, name=member.name)
    return pixels


@pytest.mark.parametrize(
    ("suffix", "channels", "dtype", "extension"),
    [
        ("png", 1, "uint16", "photo.png"),
        ("png", 3, "uint16", "photo.png"),
        ("tif", 7, "uint8", "photo.npy"),
        ("tif", 2, "float32", "photo.npy"),
        ("npy", 12, "uint16", "photo.npy"),
    ],
)
def test_every_value_is_kept(  # noqa: PLR0917 - pytest gives them by name
    tmp_path: Path, shard: Run, suffix: str, channels: int, dtype: str, extension: str
) -> None:
    (tmp_path / "in").mkdir()
    for index in range(3):
        save(tmp_path / "in" / f"{index}.{suffix}", noise(8, 12, channels, dtype, seed=index))
    options = ("--value-range", "photo=auto") if dtype == "float32" else ()
    make = ("images", "--folder", tmp_path / "in", "--val", 0, "--test", 0, *options)
    for out, store in (("encoded", ()), ("original", ("--store", "original"))):
        code, said = shard(*make, *store, "--out", tmp_path / out)
        assert code == 0, said
        view = read_manifest(tmp_path / out).views["photo"]
        assert (view.channels, view.dtype, view.width, view.height) == (channels, dtype, 12, 8)
        pixels = stored(tmp_path / out)
        for index in range(3):
            expected = noise(8, 12, channels, dtype, seed=index)
            np.testing.assert_array_equal(pixels[f"{index}.{view.extension}"], expected)
        if dtype == "float32":
            assert view.value_range == (min(p.min() for p in pixels.values()), max(p.max() for p in pixels.values()))
        else:
            assert view.value_range == (0, np.iinfo(dtype).max)
        assert verify(tmp_path / out, decode=True) == []
    assert read_manifest(tmp_path / "encoded").views["photo"].extension == extension


def test_a_range_may_be_given_and_float_needs_one(tmp_path: Path, shard: Run) -> None:
    (tmp_path / "in").mkdir()
    save(tmp_path / "in/0.npy", noise(8, 8, 1, "float32"))
    make = (
        "images",
        "--folder",
        tmp_path / "in",
        "--view",
        "depth",
        "--val",
        0,
        "--test",
        0,
        "--out",
        tmp_path / "out",
    )
    code, said = shard(*make)
    assert (code, "--value-range depth=low:high" in said) == (1, True), said
    assert shard(*make, "--value-range", "depth=-50:50.5")[0] == 0
    assert read_manifest(tmp_path / "out").views["depth"].value_range == (-50, 50.5)
    for text in ("depth=5:1", "depth=x", "depth", "else=0:1"):
        assert shard(*make, "--value-range", text)[0] == 2


def test_deep_images_are_resized_without_losing_depth(tmp_path: Path, shard: Run) -> None:
    """A ramp of 16 bits stays one: steps below 1/255 of the range survive."""
    (tmp_path / "in").mkdir()
    ramp = np.linspace(1000, 1256, 64, dtype=np.float32).round().astype(np.uint16)
    save(tmp_path / "in/0.png", np.broadcast_to(ramp[None, :, None], (64, 64, 1)).copy())
    options = ("--size", 32, "--val", 0, "--test", 0)
    assert shard("images", "--folder", tmp_path / "in", *options, "--out", tmp_path / "out")[0] == 0
    (pixels,) = stored(tmp_path / "out").values()
    assert pixels.dtype == np.uint16
    steps = np.diff(pixels[16, 4:-4, 0].astype(int))
    assert steps.min() >= 6
    assert steps.max() <= 10


@pytest.mark.parametrize(("alpha", "channels"), [("drop", 3), ("keep", 4)])
def test_alpha_is_kept_or_dropped_by_choice(tmp_path: Path, shard: Run, alpha: str, channels: int) -> None:
    (tmp_path / "in").mkdir()
    pixels = noise(8, 8, 4, "uint8")
    Image.fromarray(pixels).save(tmp_path / "in/0.png")
    Image.fromarray(pixels[:, :, :3]).save(tmp_path / "in/1.png")
    make = ("images", "--folder", tmp_path / "in", "--val", 0, "--test", 0, "--out", tmp_path / "out")
    code, said = shard(*make)
    assert (code, "--alpha drop or keep" in said) == (1, True), said
    assert shard(*make, "--alpha", alpha)[0] == 0
    assert read_manifest(tmp_path / "out").views["photo"].channels == channels
    found = stored(tmp_path / "out")
    np.testing.assert_array_equal(found["0.photo.png"], pixels[:, :, :channels])
    opaque = np.concatenate([pixels[:, :, :3], np.full((8, 8, 1), 255, np.uint8)], axis=2)
    np.testing.assert_array_equal(found["1.photo.png"], opaque[:, :, :channels])


@pytest.mark.parametrize(("encoding", "quality"), [("webp", 80), ("jpg", 50), ("tiff", 95), ("npy", 95), ("png", 95)])
def test_the_encoding_may_be_chosen(tmp_path: Path, shard: Run, encoding: str, quality: int) -> None:
    (tmp_path / "in").mkdir()
    save_photo(tmp_path / "in/0.png", seed=1)
    options = ("--encoding", encoding, "--quality", quality, "--val", 0, "--test", 0)
    code, said = shard("images", "--folder", tmp_path / "in", *options, "--out", tmp_path / "out")
    assert code == 0, said
    assert read_manifest(tmp_path / "out").views["photo"].extension == f"photo.{encoding}"
    (pixels,) = stored(tmp_path / "out").values()
    source = np.asarray(Image.open(tmp_path / "in/0.png"), np.float32)
    assert np.abs(pixels - source).mean() < (6 if encoding in ("webp", "jpg") else 1e-6)
    assert verify(tmp_path / "out", decode=True) == []


def test_bad_inputs_are_left_out_on_request(tmp_path: Path, shard: Run) -> None:
    for view in ("a", "b"):
        (tmp_path / view).mkdir()
        for index in range(12):
            save_photo(tmp_path / view / f"{index:02d}.jpg", seed=index)
    (tmp_path / "a/03.jpg").unlink()  # a pair without its twin
    whole = (tmp_path / "a/04.jpg").read_bytes()
    (tmp_path / "a/04.jpg").write_bytes(whole[: len(whole) // 2])  # truncated
    (tmp_path / "b/05.jpg").write_text("no image")
    save_photo(tmp_path / "b/06.png", seed=6)  # two files with one key
    save_photo(tmp_path / "b/07.jpg", seed=7, size=(20, 24))  # unequal sizes
    Image.new("1", (20_000, 20_000)).save(tmp_path / "b/08.png")  # a decompression bomb
    (tmp_path / "b/08.jpg").unlink()

    make = ("folders", "--a", tmp_path / "a", "--b", tmp_path / "b", "--out", tmp_path / "out")
    code, said = shard(*make)
    assert code == 1
    expected = {
        "b/03.jpg": "no twin",
        "b/05.jpg": "is no image",
        "b/06.jpg": "same name",
        "b/06.png": "same name",
        "a/07.jpg": "20x24",
        "b/08.png": "20000x20000",
    }
    assert all(f"{tmp_path}/{name}" in said and reason in said for name, reason in expected.items()), said
    assert "--skip-bad" in said
    assert not list(tmp_path.glob("out*"))

    code, said = shard(*make, "--skip-bad")
    assert code == 0, said
    expected["a/04.jpg"] = "truncated"
    lines = [json.loads(line) for line in (tmp_path / "out/rejected.jsonl").read_text().splitlines()]
    found = {str(Path(line["file"]).relative_to(tmp_path)): line["reason"] for line in lines}
    assert found.keys() == expected.keys()
    assert all(reason in found[name] for name, reason in expected.items()), found
    manifest = read_manifest(tmp_path / "out")
    assert sum(map(manifest.num_samples, manifest.splits)) == 6
    assert verify(tmp_path / "out", decode=True) == []
    assert "7 inputs were left out" in said
    code, said = shard(*make, "--skip-bad")
    assert (code, "already there" in said) == (0, True)


def test_masks_and_images_are_resized_alike_and_masks_keep_their_classes(
    folders: tuple[Path, Path], tmp_path: Path, shard: Run
) -> None:
    names = ("--view-a", "photo", "--view-b", "label", "--classes", "sky,road", "--classes-view", "label")
    make = ("folders", "--a", folders[0], "--b", folders[1], *names, "--classes-as", "index", "--size", 48, 64)
    assert shard(*make, "--out", tmp_path / "out")[0] == 0
    for name, pixels in stored(tmp_path / "out").items():
        assert pixels.shape[:2] == (48, 64)
        if name.endswith("label.png"):
            assert set(np.unique(pixels)) <= {0, 1, 255}


def test_copied_masks_of_another_format_are_named(folders: tuple[Path, Path], tmp_path: Path, shard: Run) -> None:
    mask = folders[1] / "03.png"
    with Image.open(mask) as image:
        image.save(folders[1] / "03.bmp")
    mask.unlink()
    names = ("--view-a", "photo", "--view-b", "label", "--classes", "sky,road", "--classes-view", "label")
    make = ("folders", "--a", folders[0], "--b", folders[1], *names, "--classes-as", "index", "--store", "original")
    code, said = shard(*make, "--out", tmp_path / "out")
    assert code == 1, said
    assert "not png files like most" in said
    assert f"{folders[1] / '03.bmp'}: bmp" in said
    code, said = shard(*make, "--out", tmp_path / "out", "--skip-bad")
    assert code == 0, said
    assert verify(tmp_path / "out", decode=True) == []
