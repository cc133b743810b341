"""From the networks' range to the values and files that a view stores, and back."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from sharding.format.codec.decoding import decode, decode_indices
from sharding.format.manifest import ClassInfo, View
from trainer.pictures.classes import class_colors, paint_classes
from trainer.pictures.kinds import result_suffix
from trainer.pictures.stored import encode_result, from_stored, to_stored

DEEP = View(extension="d.png", channels=1, dtype="uint16", value_range=(0, 65535))
HEIGHT = View(extension="h.tif", channels=5, dtype="float32", value_range=(-400.0, 9000.0))
PICTURE = View(extension="p.jpg")


def test_the_ends_of_the_range_are_minus_one_and_one():
    for view in (DEEP, HEIGHT, PICTURE, View(extension="x.png", dtype="uint16", value_range=(100, 4195))):
        low, high = view.value_range
        ends = torch.tensor([-3.0, -1.0, 0.0, 1.0, 3.0]).view(1, 1, 5)
        expected = np.array([low, low, (low + high) / 2, high, high])
        stored = to_stored(ends, view)
        assert stored.dtype == view.dtype
        np.testing.assert_allclose(stored[0, :, 0], expected, atol=0.51 if view.dtype != "float32" else 1e-3)
        pixels = np.array([low, high], np.float32)[None, :, None]
        assert from_stored(pixels, view).flatten().tolist() == [-1, 1]


def test_every_value_of_sixteen_bits_survives():
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    np.testing.assert_array_equal(to_stored(from_stored(values, DEEP), DEEP), values)
    half = View(extension="x.png", dtype="uint16", value_range=(1000, 50_000))
    np.testing.assert_array_equal(to_stored(from_stored(values, half), half), values.clip(1000, 50_000))


@pytest.mark.parametrize(
    ("view", "suffix"),
    [
        (PICTURE, ".png"),
        (DEEP, ".png"),
        (View(extension="x.tif", dtype="uint16"), ".png"),
        (View(extension="x.png", channels=4), ".tif"),
        (HEIGHT, ".tif"),
        (View(extension="x.npy", channels=1, dtype="float32"), ".npy"),
    ],
)
def test_files_have_the_views_type_and_channels(view, suffix):
    assert result_suffix(view) == suffix
    image = torch.rand(view.channels, 6, 7) * 2 - 1
    content = encode_result(image, view=view)
    starts = {".png": b"\x89PNG", ".tif": b"II*\0", ".npy": b"\x93NUMPY"}
    assert content.startswith(starts[suffix])
    np.testing.assert_array_equal(decode(content, name="x"), to_stored(image, view))


def test_classes_are_numbers_again_with_a_palette_that_shows_them():
    classes = [ClassInfo(name="sea", color=(0, 0, 255)), ClassInfo(name="land", color=(0, 255, 0))]
    view = View(extension="c.png", channels=1, content="classes")
    numbers = torch.tensor([[0, 1, 1], [1, 0, 0]])
    image = (paint_classes(numbers, class_colors(classes)) + 0.3 * torch.randn(3, 2, 3)).clamp(-1, 1)
    content = encode_result(image, view=view, classes=classes)
    assert decode_indices(content, name="x")[:, :, 0].tolist() == numbers.tolist()
    shown = Image.open(io.BytesIO(content)).convert("RGB")
    assert (shown.getpixel((0, 0)), shown.getpixel((1, 0))) == ((0, 0, 255), (0, 255, 0))
