"""Paired images that a network can learn from, drawn in code."""

from pathlib import Path

import numpy as np
from PIL import Image


def texture(size: int, *, seed: int) -> np.ndarray:
    """Blobs of four scales in three channels: (size, size, 3) float in [0, 1], another for each seed."""
    generator = np.random.default_rng(seed)
    image = np.zeros((size, size, 3))
    for num_cells in (2, 4, 8, 16):
        cells = Image.fromarray(generator.integers(0, 256, (num_cells, num_cells, 3), dtype=np.uint8))
        smooth = np.asarray(cells.resize((size, size), Image.Resampling.BICUBIC), dtype=np.float64)
        image += smooth / (255 * num_cells)
    return image / image.max()


def write_labels(file: Path, *, num_pairs: int) -> None:
    """A CSV for `write_pairs`: every combination of 3 characters and 4 weights in turn."""
    rows = [f"{index:03d}.png,{'ABC'[index % 3]},{index // 3 % 4 + 1}" for index in range(num_pairs)]
    file.write_text("\n".join(["file,character,weight", *rows, ""]))


def write_pairs(folder: Path, *, num_pairs: int, size: int) -> None:
    """Write `A|B` images side by side, `000.png` ...: B is A, channels turned and tones inverted."""
    folder.mkdir(parents=True)
    for index in range(num_pairs):
        image = texture(size, seed=index)
        pair = np.concatenate([image, 1 - image[..., [1, 2, 0]]], axis=1)
        Image.fromarray((pair * 255).round().astype(np.uint8)).save(folder / f"{index:03d}.png")
