"""Data sets written by webdataset and DALI themselves, so that these tests hold the reader to their formats."""

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import webdataset as wds
from PIL import Image
from wds2idx import IndexCreator

from sharding.format.manifest import LabelInfo, Manifest, Shard, View, index_path
from sharding.format.manifest_file import write_manifest

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


def write_dataset(folder: Path, *, views, splits, labels=None, classes=(), kind="paired"):
    """`views`: name -> View. `splits`: name -> shards, each a list of (key, {name of view: bytes}).

    Beside the views, "json" may name a sample's labels. In an unpaired set, a shard has the view of its first sample.
    """
    shards = {
        split: [
            write_shard(folder, f"{split}/{number:06d}.tar", samples, views=views, is_unpaired=kind == "unpaired")
            for number, samples in enumerate(contents)
        ]
        for split, contents in splits.items()
    }
    manifest = Manifest(name="tiny", kind=kind, views=views, labels=labels or {}, classes=[*classes], splits=shards)
    write_manifest(folder, manifest)
    return manifest


def write_shard(folder, path, samples, *, views, is_unpaired=False):
    tar, index = folder / path, folder / index_path(path)
    tar.parent.mkdir(parents=True, exist_ok=True)
    with wds.TarWriter(str(tar)) as writer:
        for key, files in samples:
            members = {views[name].extension if name in views else name: data for name, data in files.items()}
            writer.write({"__key__": key} | members)
    with IndexCreator(str(tar), str(index), verbose=False) as creator:
        creator.create_index()
    return Shard(
        path=path,
        num_samples=len(samples),
        num_bytes=tar.stat().st_size,
        sha256=hashlib.sha256(tar.read_bytes()).hexdigest(),
        index_sha256=hashlib.sha256(index.read_bytes()).hexdigest(),
        view=next(iter(samples[0][1])) if is_unpaired else None,
    )


SIDE = 24
SHARDS = {"train": (5, 4, 6), "test": (4, 3)}
VIEWS = {
    "photo": View(extension="photo.png", width=SIDE, height=SIDE),
    "map": View(extension="map.png", width=SIDE, height=SIDE),
    "height": View(extension="height.png", channels=1, width=SIDE, height=SIDE),
    "lossy": View(extension="lossy.jpg", width=SIDE, height=SIDE),
}
LABELS = {"kind": LabelInfo(names=[f"kind {value}" for value in range(7)]), "size": LabelInfo(names=["small", "large"])}


def noisy_pixels(split, ordinal, view):
    """The pixels of a sample of `write_noisy_dataset`, by its place in the stored order."""
    seed = (list(SHARDS).index(split), ordinal, list(VIEWS).index(view))
    return noise(*seed, side=SIDE, channels=VIEWS[view].channels)


def noisy_labels(ordinal):
    return {"kind": 3 * ordinal % 7, "size": ordinal % 2}


def noisy_sample(split, ordinal, *, views=VIEWS):
    files = {name: encode(noisy_pixels(split, ordinal, name), VIEWS[name].extension) for name in views}
    return f"{split}-{ordinal}", files


def noisy_shards(split, sizes, *, views=VIEWS):
    """Shards of so many labelled samples, in their stored order."""
    starts = np.cumsum((0, *sizes))
    shards = []
    for start, size in zip(starts, sizes, strict=False):
        samples = [(ordinal, noisy_sample(split, ordinal, views=views)) for ordinal in range(start, start + size)]
        shards.append([(key, files | {"json": labels_member(ordinal)}) for ordinal, (key, files) in samples])
    return shards


def labels_member(ordinal):
    return json.dumps(noisy_labels(int(ordinal))).encode()


def write_noisy_dataset(folder):
    """15 samples in three shards to train on, 7 in two to test: each view other noise, all but one lossless."""
    splits = {split: noisy_shards(split, sizes) for split, sizes in SHARDS.items()}
    return write_dataset(folder, views=VIEWS, labels=LABELS, splits=splits)


UNPAIRED_SHARDS = {"train": {"photo": (5, 4), "map": (3, 3)}, "test": {"photo": (3,), "map": (2, 2)}}


def write_unpaired_dataset(folder):
    """To train on: photos 0 to 8 and maps 0 to 5; to test: 3 photos and 4 maps. Pixels are those of the other set."""
    splits = {
        split: [shard for view, sizes in shards.items() for shard in noisy_shards(split, sizes, views=[view])]
        for split, shards in UNPAIRED_SHARDS.items()
    }
    views = {name: VIEWS[name] for name in ("photo", "map")}
    return write_dataset(folder, views=views, labels=LABELS, splits=splits, kind="unpaired")
