"""Image files of any kind, read as the type that a view of a data set has. Imports no torch."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from sharding.errors import DatasetError
from sharding.format.bounds import MOST_PIXELS
from sharding.format.codec import SUFFIXES, read_header
from sharding.format.codec.channels import fit_channels
from sharding.format.codec.decoding import decode, decode_indices
from sharding.format.codec.header import header_of, pillow_formats
from sharding.format.codec.kinds import Header
from sharding.format.manifest import ClassInfo, View
from sharding.storage.files import open_regular

_NO_CLASS = 255
_LARGEST = {"uint8": 255, "uint16": 65535}
_LUMA = (19595, 38470, 7471)  # of 65536: 0.299, 0.587, 0.114, as Pillow rounds them


class UnreadablePictureError(ValueError):
    """A file is no picture, is damaged, or cannot be turned into the wanted type; the message names the cause."""


def picture_suffixes() -> frozenset[str]:
    """Lower-case endings of the files that can be read, e.g. `.png`."""
    formats, suffixes = pillow_formats(), Image.registered_extensions().items()
    return SUFFIXES | frozenset(suffix for suffix, kind in suffixes if kind in formats)


def class_palette(classes: Sequence[ClassInfo]) -> np.ndarray:
    """uint8 [256, 3]: the colour that stands for each class number; of 255, "no class", and unknown ones another.

    That is black, or where a class is black white, then mid-grey, then the first grey that is no class's.
    """
    taken = {tuple(info.color) for info in classes}
    void = next(level for level in (0, 255, 128, *range(256)) if (level,) * 3 not in taken)
    palette = np.full((_NO_CLASS + 1, 3), void, np.uint8)
    for number, info in enumerate(classes):
        palette[number] = info.color
    return palette


def read_picture(path: Path, *, view: View, classes: Sequence[ClassInfo] = ()) -> np.ndarray:
    """The pixels (H, W, C) of a file in a view's type and channels, upright as its EXIF orientation says.

    What is transparent is treated as in training, and shows white paper where training saw nothing transparent. Grey
    becomes RGB and RGB grey; where the view has the whole range of its type, 8 bits become 16 by multiplying by 257,
    and back by dividing. For a view of classes their flat colours (C = 3): of a file with numbers,
    or as a file with colours has them. Of an animation, the first frame.

    Raises:
        UnreadablePictureError: as its docstring says.
    """
    try:
        has_alpha = _alpha_of(partial(read_header, path))
        with open_regular(path, follow_links=True) as file:
            content = file.read()
        return _decoded(content, path.name, view, classes, has_alpha=has_alpha)
    except (OSError, DatasetError) as error:
        raise UnreadablePictureError(f"cannot be read: {error}") from error


def decode_picture(content: bytes, *, name: str, view: View, classes: Sequence[ClassInfo] = ()) -> np.ndarray:
    """The same of a file's content. Raises UnreadablePictureError."""
    try:
        has_alpha = _alpha_of(partial(header_of, content, name=name))
        return _decoded(content, name, view, classes, has_alpha=has_alpha)
    except (OSError, DatasetError) as error:
        raise UnreadablePictureError(f"cannot be read: {error}") from error


def _decoded(
    content: bytes, name: str, view: View, classes: Sequence[ClassInfo], *, has_alpha: bool | None
) -> np.ndarray:
    if view.content == "classes":
        return _class_colors(content, classes=classes, has_alpha=has_alpha)
    return fit_view(decode(content, name=name), view, has_alpha=has_alpha)


def fit_view(pixels: np.ndarray, view: View, *, has_alpha: bool | None) -> np.ndarray:
    """Decoded pixels (H, W, C) in the type and the channels of a view of images, as `read_picture` has them.

    Args:
        has_alpha: whether the last channel is; None where nobody knows.

    Raises:
        UnreadablePictureError, DatasetError: they cannot be turned into them.
    """
    _check_depth(pixels, view)
    return _with_channels(_with_depth(pixels, view.dtype), view, has_alpha=has_alpha)


def _check_depth(pixels: np.ndarray, view: View) -> None:
    """Raises UnreadablePictureError where nobody knows which value of one type is which of the other."""
    if pixels.dtype == view.dtype:
        return
    low, high = view.value_range
    if "float32" in (pixels.dtype, view.dtype):
        raise UnreadablePictureError(
            f"has values of {pixels.dtype}, and the run's view of {view.dtype}: of unknown range; save it in that type"
        )
    if (low, high) != (0, _LARGEST[view.dtype]):
        raise UnreadablePictureError(
            f"has values of {pixels.dtype}, and the run's view of {view.dtype} with the range {low:g}:{high:g}: which "
            "is which is unknown; save it in that type, with such values"
        )


def _alpha_of(look: Callable[[], Header]) -> bool | None:
    """Whether the last channel is alpha, by the header; None where it does not tell."""
    try:
        header = look()
    except DatasetError:
        return None  # of another format that Pillow reads, or damaged, which decoding will tell
    if header.size[0] * header.size[1] > MOST_PIXELS:
        raise UnreadablePictureError(f"has {header.size[0]}x{header.size[1]} pixels; cut it up")
    return header.has_alpha


def _class_colors(content: bytes, *, classes: Sequence[ClassInfo], has_alpha: bool | None) -> np.ndarray:
    try:
        numbers = decode_indices(content, name="it")[:, :, 0]
    except DatasetError:
        pixels = decode(content, name="it")
        return _with_channels(_with_depth(pixels, "uint8"), View(extension="x.png"), has_alpha=has_alpha)
    return class_palette(classes)[np.minimum(numbers, _NO_CLASS)]


def _with_depth(pixels: np.ndarray, dtype: str) -> np.ndarray:
    """Convert between uint8 and uint16."""
    if pixels.dtype == dtype:
        return pixels
    if dtype == "uint16":
        return pixels.astype(np.uint16) * 257
    return (pixels.astype(np.float32) / 257).round().astype(np.uint8)


def _with_channels(pixels: np.ndarray, view: View, *, has_alpha: bool | None) -> np.ndarray:
    """The channels of the view, as sharding makes them; besides, white paper behind what is transparent where training
    saw no transparency, and the brightness of colours where it saw no colours."""
    channels = pixels.shape[2]
    if has_alpha is None:
        has_alpha = channels in (2, 4) and channels != view.channels and pixels.dtype != np.float32
    if view.alpha == "refuse":
        if channels == view.channels:
            return pixels
        if has_alpha and pixels.dtype != np.float32:
            pixels, has_alpha = _on_paper(pixels), False
    keeps_alpha = view.alpha == "keep"
    if pixels.shape[2] - has_alpha == 3 and view.channels - keeps_alpha == 1:
        pixels = np.concatenate([_grey(pixels[:, :, :3]), pixels[:, :, 3:]], axis=2)
    pixels = fit_channels(pixels, has_alpha=has_alpha, alpha=view.alpha, wanted=view.channels, name="the picture")
    if pixels.shape[2] != view.channels:
        raise UnreadablePictureError(f"has {channels} channels, and the run's view {view.channels}")
    return pixels


def _on_paper(pixels: np.ndarray) -> np.ndarray:
    """(H, W, C + alpha) -> (H, W, C) on white."""
    largest = _LARGEST[str(pixels.dtype)]
    color, alpha = pixels[:, :, :-1].astype(np.uint64), pixels[:, :, -1:].astype(np.uint64)
    mixed = (color * alpha + largest * (largest - alpha) + largest // 2) // largest
    return mixed.astype(pixels.dtype)


def _grey(pixels: np.ndarray) -> np.ndarray:
    """The brightness of RGB (ITU-R BT.601), as Pillow computes it."""
    if pixels.dtype == np.float32:
        return (pixels @ (np.array(_LUMA, np.float32) / 65536))[:, :, None]
    grey = (pixels.astype(np.uint64) * np.array(_LUMA, np.uint64)).sum(axis=2, keepdims=True)
    return ((grey + 32768) >> 16).astype(pixels.dtype)
