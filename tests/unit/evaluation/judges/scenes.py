"""Scenes whose photos show their classes plainly: a network learns to read them in a few steps."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from sharding.format.manifest import ClassInfo, View
from tests.tiny_run import subject_of, tiny_config
from tests.unit.data.tiny_shards import encode, noise, write_dataset
from trainer.data.subject import Subject

SIDE, VOID = 32, 255
CLASSES = [
    ClassInfo(name="night", color=(0, 0, 0)),
    ClassInfo(name="sky", color=(70, 130, 180)),
    ClassInfo(name="road", color=(128, 64, 128)),
]
VIEWS = {
    "photo": View(extension="photo.png", width=SIDE, height=SIDE),
    "evening": View(extension="evening.png", width=SIDE, height=SIDE),
    "numbers": View(extension="numbers.png", width=SIDE, height=SIDE, content="classes", channels=1),
    "colors": View(extension="colors.png", width=SIDE, height=SIDE, renders_classes=True),
}
NUM_SAMPLES = {"train": 12, "val": 3, "test": 2}
_LIGHTS = np.array([[40, 40, 40], [120, 180, 230], [200, 150, 60]])


def numbers_of(split: str, place: int) -> np.ndarray:
    """(32, 32): night, and sky in a quarter whose corner moves, and road below; the first 44 pixels are of no class."""
    random = np.random.default_rng((list(NUM_SAMPLES).index(split), place))
    row, column = random.integers(8, 16, 2)
    numbers = np.zeros((SIDE, SIDE), np.uint8)
    numbers[:row, column:] = 1
    numbers[row + 6 :] = 2
    numbers.reshape(-1)[:44] = VOID
    return numbers


def photo_of(split: str, place: int) -> np.ndarray:
    """(32, 32, 3): each class in its light, with noise."""
    numbers = numbers_of(split, place)
    plain = _LIGHTS[np.where(numbers == VOID, 0, numbers)]
    return (0.85 * plain + 0.15 * noise(list(NUM_SAMPLES).index(split), place, side=SIDE)).astype(np.uint8)


def write_scenes(folder: Path, *, names: Collection[str] = ("photo", "numbers", "colors")) -> None:
    """The views that are named, of each split one shard."""
    colors = np.full((VOID + 1, 3), (1, 2, 3), np.uint8)
    colors[: len(CLASSES)] = [info.color for info in CLASSES]

    def sample(split: str, place: int) -> tuple[str, dict[str, bytes]]:
        numbers = numbers_of(split, place)
        photo = photo_of(split, place)
        files = {"photo": photo, "evening": photo // 2, "numbers": numbers, "colors": colors[numbers]}
        return f"{split}{place}", {name: encode(pixels, "png") for name, pixels in files.items() if name in names}

    splits = {split: [[sample(split, place) for place in range(number)]] for split, number in NUM_SAMPLES.items()}
    views = {name: view for name, view in VIEWS.items() if name in names}
    write_dataset(folder, views=views, classes=CLASSES, splits=splits)


def labels_to_photo(folder: Path, *, labels: str = "colors", **data: object) -> Subject:
    """A run that makes photos of labels, at the size at which they are stored unless told otherwise."""
    subject = subject_of(tiny_config(folder))
    sizes = {"load_size": SIDE, "crop_size": SIDE}
    return replace(subject, data=replace(subject.data, view_a=labels, view_b="photo", **{**sizes, **data}))
