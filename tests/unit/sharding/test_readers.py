"""The shards are plain WebDataset: webdataset and DALI read them as they are."""

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sharding.format import codec
from sharding.format.manifest import View
from tests.unit.sharding.files import Run, read_tars


@pytest.fixture
def dataset(pairs: Path, tmp_path: Path, shard: Run) -> Path:
    assert shard("pairs", "--folder", pairs, "--out", tmp_path / "out", "--shard-samples", 4)[0] == 0
    return tmp_path / "out"


def test_webdataset_reads_them(dataset: Path) -> None:
    import webdataset as wds

    shards = [str(path) for path in sorted(dataset.glob("train/*.tar"))]
    found = {f"train/{s['__key__']}": s for s in wds.WebDataset(shards, shardshuffle=False).decode("rgb8")}
    expected = {name: members for name, members in read_tars(dataset).items() if name.startswith("train")}
    assert list(found) == list(expected)
    for name, members in expected.items():
        for extension, image in members.items():
            np.testing.assert_array_equal(found[name][extension], np.asarray(image))


def test_dali_reads_them_with_our_index(dataset: Path) -> None:
    from nvidia.dali import fn, pipeline_def

    tars = sorted(map(str, dataset.glob("train/*.tar")))
    indices = sorted(map(str, dataset.glob("train/*.idx")))

    @pipeline_def(batch_size=10, num_threads=1, device_id=None)
    def pipeline():
        a, b = fn.readers.webdataset(paths=tars, index_paths=indices, ext=["a.png", "b.png"])
        return fn.decoders.image(a, device="cpu"), fn.decoders.image(b, device="cpu")

    pipe = pipeline()
    pipe.build()
    outputs = pipe.run()
    expected = [members for name, members in read_tars(dataset).items() if name.startswith("train")]
    for position, extension in enumerate(("a.png", "b.png")):
        for index, members in enumerate(expected):
            np.testing.assert_array_equal(outputs[position].at(index), np.asarray(members[extension]))


KINDS = {
    "photo.jpg": ("uint8", 3),
    "grey.jpg": ("uint8", 1),
    "relief.png": ("uint8", 1),
    "map.webp": ("uint8", 3),
    "plain.tiff": ("uint8", 3),
    "depth.png": ("uint16", 1),
    "deep.png": ("uint16", 3),
    "bands.npy": ("float32", 5),
    "many.npy": ("uint16", 7),
    "stack.tiff": ("float32", 4),
}


@pytest.fixture(scope="module")
def any_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set with a view of each kind."""
    from tests.unit.data.tiny_shards import write_dataset

    views = {
        name: View(extension=name, dtype=dtype, channels=channels, width=30, height=20)
        for name, (dtype, channels) in KINDS.items()
    }
    random = np.random.default_rng(0)
    samples = []
    for number in range(3):
        members = {}
        for name, (dtype, channels) in KINDS.items():
            unit = random.random((20, 30, channels))
            pixels = unit.astype(dtype) if dtype == "float32" else (unit * np.iinfo(dtype).max).astype(dtype)
            members[name] = codec.encode(pixels, codec.stored_format(name))
        samples.append((f"s{number}", members))
    folder = tmp_path_factory.mktemp("any")
    write_dataset(folder, views=views, splits={"train": [samples]})
    return folder


def decoded_members(folder: Path, name: str) -> list[np.ndarray]:
    """As our trainer reads them."""
    with tarfile.open(folder / "train/000000.tar") as archive:
        files = [member for member in archive if member.name.endswith(name)]
        return [codec.decode(archive.extractfile(file).read(), name=file.name) for file in files]


@pytest.mark.parametrize("name", [name for name in KINDS if name != "stack.tiff"])
def test_dali_alone_reads_any_view(any_images: Path, name: str) -> None:
    """By its own decoders, but for TIFF of float values: sharding stores NPY for such views."""
    from nvidia.dali import fn, pipeline_def, types

    dtype, channels = KINDS[name]

    @pipeline_def(batch_size=3, num_threads=1, device_id=None)
    def pipeline():
        folder = any_images / "train"
        file: Any = fn.readers.webdataset(
            paths=[str(folder / "000000.tar")], index_paths=[str(folder / "000000.idx")], ext=[name]
        )
        if name.endswith("npy"):
            return fn.decoders.numpy(file)
        output = {"output_type": types.GRAY if channels == 1 else types.RGB}
        return fn.decoders.image(file, dtype=types.UINT16 if dtype == "uint16" else types.UINT8, **output)

    pipe = pipeline()
    pipe.build()
    (images,) = pipe.run()
    for number, pixels in enumerate(decoded_members(any_images, name)):
        np.testing.assert_array_equal(np.array(images.at(number)), pixels)


@pytest.mark.parametrize("name", KINDS)
def test_webdataset_alone_reads_any_view(any_images: Path, name: str) -> None:
    import webdataset as wds

    def by_library(key: str, content: bytes) -> np.ndarray | None:
        import tifffile

        return tifffile.imread(io.BytesIO(content)) if key.endswith("tiff") else None

    def deep_png(key: str, content: bytes) -> np.ndarray | None:
        import cv2

        if not key.endswith(("depth.png", "deep.png")):
            return None
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        return image if image.ndim == 2 else image[:, :, ::-1]

    shards = str(any_images / "train/000000.tar")
    grey = "l8" if KINDS[name] == ("uint8", 1) else "rgb8"
    samples = wds.WebDataset(shards, shardshuffle=False, empty_check=False).decode(by_library, deep_png, grey)
    expected = decoded_members(any_images, name)
    for sample, pixels in zip(samples, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(sample[name]).reshape(pixels.shape), pixels)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(
    ("format", "modes"),
    [
        ("JPEG", ["L", "RGB", "CMYK", "1"]),
        ("PNG", ["L", "RGB", "RGBA", "LA", "P", "1"]),
        ("WEBP", ["L", "RGB", "RGBA"]),
        ("TIFF", ["L", "RGB", "RGBA", "LA", "P", "CMYK", "1"]),
        ("BMP", ["L", "RGB", "RGBA", "P", "1"]),
    ],
)
def test_dali_agrees_on_all_that_is_called_plain(
    tmp_path: Path, format: str, modes: list[str], orientation: int
) -> None:
    ramps = np.stack(np.meshgrid(np.arange(0, 240, 8), np.arange(0, 200, 10), [50, 90, 130]), axis=-1)[:, :, 0]
    exif = Image.Exif()
    exif[0x0112] = orientation
    num_plain = 0
    for mode in modes:
        Image.fromarray(ramps.astype(np.uint8)).convert(mode).save(tmp_path / mode, format, exif=exif)
        header = codec.read_header(tmp_path / mode)
        if header.is_plain:
            content = (tmp_path / mode).read_bytes()
            np.testing.assert_array_equal(
                decoded_by_dali(content, channels=header.channels), codec.decode(content, name=mode)
            )
            num_plain += 1
    knows_no_turn = format == "BMP"
    assert num_plain == (0 if orientation != 1 and not knows_no_turn else {"JPEG": 3, "WEBP": 3}.get(format, 2))


def decoded_by_dali(content: bytes, *, channels: int) -> np.ndarray:
    from nvidia.dali import fn, types
    from nvidia.dali.pipeline import Pipeline

    pipeline = Pipeline(batch_size=1, num_threads=1, device_id=None)
    with pipeline:
        kind = types.GRAY if channels == 1 else types.RGB
        pipeline.set_outputs(fn.decoders.image(np.frombuffer(content, np.uint8), output_type=kind))
    pipeline.build()
    (images,) = pipeline.run()
    return np.array(images.at(0))
