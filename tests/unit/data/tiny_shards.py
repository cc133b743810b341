"""Data sets written by webdataset and DALI themselves, so that these tests hold the reader to their formats."""

import hashlib
import io
from pathlib import Path

import numpy as np
import webdataset as wds
from PIL import Image
from wds2idx import IndexCreator

from sharding.manifest import Manifest, Shard, View, index_path, write_manifest

FORMATS = {"jpg": "JPEG", "png": "PNG"}


def encode(pixels, extension):
    """[H, W, 3] or [H, W] uint8 -> the bytes of a file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, FORMATS[extension.rsplit(".")[-1]], quality=95)
    return file.getvalue()


def noise(*seed, side, channels=3):
    """Pixels that differ everywhere, so that a crop or a mirror image is found in one place only."""
    shape = (side, side) if channels == 1 else (side, side, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write_dataset(folder: Path, *, views, splits):
    """`views`: name -> View. `splits`: name -> shards, each a list of (key, {name of view: bytes})."""
    shards = {
        split: [
            write_shard(folder, f"{split}/{number:06d}.tar", samples, views=views)
            for number, samples in enumerate(contents)
        ]
        for split, contents in splits.items()
    }
    manifest = Manifest(name="tiny", views=views, splits=shards)
    write_manifest(folder, manifest)
    return manifest


def write_shard(folder, path, samples, *, views):
    tar, index = folder / path, folder / index_path(path)
    tar.parent.mkdir(parents=True, exist_ok=True)
    with wds.TarWriter(str(tar)) as writer:
        for key, files in samples:
            writer.write({"__key__": key} | {views[name].extension: data for name, data in files.items()})
    with IndexCreator(str(tar), str(index), verbose=False) as creator:
        creator.create_index()
    return Shard(
        path=path,
        num_samples=len(samples),
        num_bytes=tar.stat().st_size,
        sha256=hashlib.sha256(tar.read_bytes()).hexdigest(),
        index_sha256=hashlib.sha256(index.read_bytes()).hexdigest(),
    )


SIDE = 24
SHARDS = {"train": (5, 4, 6), "test": (4, 3)}
VIEWS = {
    "photo": View(extension="photo.png", width=SIDE, height=SIDE),
    "map": View(extension="map.png", width=SIDE, height=SIDE),
    "height": View(extension="height.png", channels=1, width=SIDE, height=SIDE),
    "lossy": View(extension="lossy.jpg", width=SIDE, height=SIDE),
}


def noisy_pixels(split, ordinal, view):
    """The pixels of a sample of `write_noisy_dataset`, by its place in the stored order."""
    seed = (list(SHARDS).index(split), ordinal, list(VIEWS).index(view))
    return noise(*seed, side=SIDE, channels=VIEWS[view].channels)


def noisy_sample(split, ordinal):
    files = {name: encode(noisy_pixels(split, ordinal, name), view.extension) for name, view in VIEWS.items()}
    return f"{split}-{ordinal}", files


def write_noisy_dataset(folder):
    """15 samples in three shards to train on, 7 in two to test: each view other noise, all but one lossless."""
    splits = {}
    for split, sizes in SHARDS.items():
        starts = np.cumsum((0, *sizes))
        splits[split] = [
            [noisy_sample(split, start + place) for place in range(size)]
            for start, size in zip(starts, sizes, strict=False)
        ]
    return write_dataset(folder, views=VIEWS, splits=splits)
