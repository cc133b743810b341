"""Small data sets written by the writer's own parts, without a source."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sharding.format.codec import encode
from sharding.format.manifest import ClassInfo, LabelInfo, Manifest, View
from sharding.format.manifest_file import write_manifest
from sharding.work.plan import Sample
from sharding.writing.shard_file import write_shard

SIDE = 16
VIEWS = {
    "photo": View(extension="photo.jpg", width=SIDE, height=SIDE),
    "depth": View(extension="depth.png", channels=1, dtype="uint16", value_range=(0, 65535), width=SIDE, height=SIDE),
    "heat": View(extension="heat.npy", channels=2, dtype="float32", value_range=(-1, 1), width=SIDE),
    "classes": View(extension="classes.png", content="classes", channels=1, width=SIDE, height=SIDE),
}
CLASSES = [ClassInfo(name="sea", color=(0, 0, 255)), ClassInfo(name="land", color=(0, 255, 0))]
LABELS = {"kind": LabelInfo(names=["round", "square", "other"])}


def write_set(folder: Path, *, views: Mapping[str, View], shards: Mapping[str, Sequence[Sequence[Sample]]]) -> None:
    """`shards`: split -> its shards -> their samples."""
    splits = {
        split: [write_shard(folder, f"{split}/{number:06d}.tar", samples) for number, samples in enumerate(contents)]
        for split, contents in shards.items()
    }
    labels = LABELS if any(sample.labels for shard in shards["train"] for sample in shard) else {}
    manifest = Manifest(
        name="small", views=dict(views), classes=CLASSES, labels=labels, splits=splits, made_by={"by": "a test"}
    )
    write_manifest(folder, manifest)


def write_varied_set(folder: Path) -> None:
    """Nine samples to train on, in three shards, and two to test: one view of each type, and a label."""
    ordinals = {"train": [[0, 1, 2, 3], [4, 5, 6], [7, 8]], "test": [[9, 10]]}
    shards = {
        split: [[varied_sample(ordinal) for ordinal in shard] for shard in contents]
        for split, contents in ordinals.items()
    }
    write_set(folder, views=VIEWS, shards=shards)


def varied_sample(ordinal: int) -> Sample:
    pixels = varied_pixels(ordinal)
    members = {
        "photo.jpg": encode(pixels["photo"], "jpg"),
        "depth.png": encode(pixels["depth"], "png"),
        "heat.npy": encode(pixels["heat"], "npy"),
        "classes.png": encode(pixels["classes"], "png"),
    }
    return Sample(key=f"s{ordinal}", split="", members=members, labels={"kind": ordinal % 3})


def varied_pixels(ordinal: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(ordinal)
    return {
        "photo": random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8),
        "depth": random.integers(0, 65536, (SIDE, SIDE), dtype=np.uint16),
        "heat": random.uniform(-1, 1, (SIDE + ordinal, SIDE, 2)).astype(np.float32),
        "classes": random.choice(np.array([0, 1, 255], np.uint8), (SIDE, SIDE)),
    }
