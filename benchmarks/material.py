"""What the benchmarks of the data plane work on: the embedded set, and photographs made of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
from PIL import Image

from launch.embedded import ensure_dataset
from sharding.format.manifest_file import read_manifest
from sharding.reading.reader import ShardReader

Side = Literal[64, 128, 256]
"""Pixels that the embedded set can have."""


@contextmanager
def earth(side: Side) -> Iterator[Path]:
    """The embedded set of maps of the Earth: that of `data/` if it is there, else one made now."""
    known = Path(f"data/earth-{side}")
    if known.is_dir():
        yield known
        return
    with TemporaryDirectory() as temporary:
        made = Path(temporary) / known.name
        ensure_dataset(made)
        yield made


def write_photos(folder: Path, *, data: Path, view: str, num_files: int, side: int) -> int:
    """JPEG files of `side` px, mosaics of four images of a view; of 200 motifs, as more would take long to encode.

    Returns their bytes in all.
    """
    motifs = [_mosaic(data, view, number, side=side) for number in range(min(200, num_files))]
    folder.mkdir(parents=True)
    for number in range(num_files):
        (folder / f"{number:06d}.jpg").write_bytes(motifs[number % len(motifs)])
    return sum(len(motifs[number % len(motifs)]) for number in range(num_files))


def _mosaic(data: Path, view: str, number: int, *, side: int) -> bytes:
    reader = ShardReader(data, read_manifest(data), split="train", views=[view])
    places = [(shard, index) for shard, size in enumerate(reader.shard_sizes) for index in range(size)]
    tiles = []
    for place in np.random.default_rng(number).integers(0, len(places), 4):
        image = Image.open(BytesIO(reader.read(*places[place])[view])).convert("RGB")
        tiles.append(np.asarray(image.resize((side // 2, side // 2), Image.Resampling.BICUBIC)))
    reader.close()
    file = BytesIO()
    pixels = np.concatenate([np.concatenate(tiles[:2], axis=1), np.concatenate(tiles[2:], axis=1)])
    Image.fromarray(pixels).save(file, "JPEG", quality=92)
    return file.getvalue()
