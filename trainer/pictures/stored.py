"""Between the networks' range and what a view of a data set stores: type, range of values, kind of file."""

import io
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sharding.format.codec.encoding import encode
from sharding.format.manifest import ClassInfo, View
from trainer.pictures.classes import class_colors, nearest_class
from trainer.pictures.files import class_palette
from trainer.pictures.kinds import result_suffix

_COMPRESSION = 1
"""Of PNG; see `encode`: a third of the time, a tenth more bytes."""


def from_stored(pixels: np.ndarray, view: View) -> Tensor:
    """Pixels (H, W, C) of a view -> float32 (C, H, W), its range of values as [-1, 1]; beyond is cut."""
    low, high = view.decoded_range
    planes = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)
    return ((planes - (high + low) / 2) / ((high - low) / 2)).clamp(-1, 1)


def share_beyond(pixels: np.ndarray, view: View) -> float:
    """How many of the values of a view's pixels (H, W, C) lie beyond its range, of 1: `from_stored` cuts them."""
    if view.content == "classes":
        return 0.0
    low, high = view.value_range
    return float(((pixels < low) | (pixels > high)).mean())


def to_stored(image: Tensor, view: View) -> np.ndarray:
    """float32 (C, H, W) in [-1, 1] -> pixels (H, W, C) in the view's type; what is beyond its range is cut.

    Computed in float64: a float32 has fewer steps than 16 bits times their range.
    """
    low, high = view.value_range
    values = (image.double().clamp(-1, 1) + 1) * ((high - low) / 2) + low
    pixels = values.permute(1, 2, 0).cpu().numpy()
    if view.dtype == "float32":
        return pixels.astype(np.float32)
    return pixels.round().clip(0, np.iinfo(view.dtype).max).astype(view.dtype)


def encode_result(image: Tensor, *, view: View, classes: Sequence[ClassInfo] = ()) -> bytes:
    """The file of an image (C, H, W) in [-1, 1] as one of the view: see `result_suffix`.

    Of classes those whose colours are nearest, in a PNG of numbers with a palette.
    """
    return encode_stored(result_pixels(image, view=view, classes=classes), view=view, classes=classes)


def result_pixels(image: Tensor, *, view: View, classes: Sequence[ClassInfo] = ()) -> np.ndarray:
    """What is stored (H, W, C) of an image (C, H, W) in [-1, 1]; of classes the numbers whose colours are nearest."""
    if view.content == "classes":
        return nearest_class(image[None], class_colors(classes))[0, :, :, None].to(torch.uint8).cpu().numpy()
    return to_stored(image, view)


def encode_stored(pixels: np.ndarray, *, view: View, classes: Sequence[ClassInfo] = ()) -> bytes:
    """The file of what is stored (H, W, C) of an image of the view, as `encode_result`."""
    if view.content == "classes":
        return _numbers_with_palette(pixels[:, :, 0], classes)
    match result_suffix(view):
        case ".png":
            return encode(pixels, "png", compression=_COMPRESSION)
        case ".npy":
            return encode(pixels, "npy")
        case _:
            return encode(pixels, "tiff")


def _numbers_with_palette(numbers: np.ndarray, classes: Sequence[ClassInfo]) -> bytes:
    picture = Image.fromarray(np.ascontiguousarray(numbers), "P")
    picture.putpalette(class_palette(classes).tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
