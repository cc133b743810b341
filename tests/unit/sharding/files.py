"""Image files for tests to shard, and what tests look at afterwards."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.pairs import texture

Run = Callable[..., tuple[int, str]]
"""Runs `diptych shard <arguments>`; gives its exit code and all that it said."""


def save_photo(path: Path, *, seed: int, size: tuple[int, int] = (32, 24)) -> None:
    pixels = (texture(max(size), seed=seed)[: size[1], : size[0]] * 255).astype(np.uint8)
    Image.fromarray(pixels).save(path, quality=98, subsampling=0)


def save_label(path: Path, *, seed: int) -> None:
    """Left part red, the rest blue, a corner without class; how much is red depends on the seed."""
    numbers = np.ones((24, 32), np.uint8)
    numbers[:, : 4 + seed] = 0
    numbers[:4, -4:] = 255
    image = Image.fromarray(numbers, "P")
    image.putpalette([255, 0, 0, 0, 0, 255, *[0] * 762])
    image.save(path)


def read_tars(folder: Path) -> dict[str, dict[str, Image.Image]]:
    """Every sample of a data set by `<split>/<key>`, and its decoded images by extension."""
    samples = read_members(folder)
    return {key: {name: m for name, m in members.items() if name != "json"} for key, members in samples.items()}


def read_members(folder: Path) -> dict[str, dict[str, Any]]:
    """Every sample of a data set by `<split>/<key>`: decoded images by extension, labels as `json`."""
    samples: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*/*.tar")):
        with tarfile.open(path) as archive:
            for member in archive:
                key, _, extension = member.name.partition(".")
                content = archive.extractfile(member).read()
                value = json.loads(content) if extension == "json" else Image.open(io.BytesIO(content))
                samples.setdefault(f"{path.parent.name}/{key}", {})[extension] = value
    return samples


def contents(folder: Path) -> dict[str, bytes]:
    """All files below `folder`, by relative path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
