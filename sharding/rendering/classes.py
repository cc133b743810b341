"""Semantic classes that an image shows: as flat colours, or as numbers with a palette."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from sharding.errors import DatasetError, OptionError
from sharding.format.codec.header import open_picture, read_header
from sharding.format.manifest import ClassInfo
from sharding.storage.files import open_regular

NO_CLASS = 255
"""The index of pixels that belong to no class, as `View.content` tells."""
MAX_DISTANCE = 64
"""Steps in RGB within which a pixel of a JPEG counts as one of the classes' colours."""

_ENTRY = re.compile(r"(?P<name>[^=,\s][^=,]*?)\s*(=\s*#(?P<color>[0-9a-fA-F]{6}))?")


def parse_classes(text: str) -> list[tuple[str, tuple[int, int, int] | None]]:
    """Names, and colours if given: `wall=#0000ff,window=#ff0000`, or `sky,road` for files with a palette."""
    entries: list[tuple[str, tuple[int, int, int] | None]] = []
    for part in text.split(","):
        match = _ENTRY.fullmatch(part.strip())
        if match is None:
            raise OptionError(f"--classes: {part.strip()!r} is not `name` or `name=#rrggbb`.")
        color = match["color"]
        red_green_blue = None if color is None else (int(color[:2], 16), int(color[2:4], 16), int(color[4:], 16))
        entries.append((match["name"], red_green_blue))
    names = [name for name, _ in entries]
    colors = [color for _, color in entries if color is not None]
    if len(set(names)) < len(names) or len(set(colors)) < len(colors):
        raise OptionError(f"--classes {text!r}: a name or a colour stands there twice.")
    if colors and len(colors) < len(entries):
        raise OptionError(f"--classes {text!r}: give all classes a colour, or none (files with a palette).")
    return entries


def class_infos(entries: Sequence[tuple[str, tuple[int, int, int] | None]], example: Path) -> list[ClassInfo]:
    """The classes with their colours; where the option gives none, those of the palette of `example`."""
    if any(color is None for _, color in entries):
        palette = _stored_palette(example) if read_header(example).has_palette else None
        if palette is None or len(palette) < len(entries):
            raise DatasetError(
                f"{example}: holds no palette of {len(entries)} colours; write --classes name=#rrggbb,..."
            )
        entries = [(name, palette[index]) for index, (name, _) in enumerate(entries)]
    return [ClassInfo(name=name, color=color) for name, color in entries if color is not None]


def _stored_palette(file: Path) -> list[tuple[int, int, int]] | None:
    with (
        open_regular(file, follow_links=True) as stream,
        open_picture(stream, name=str(file), most_pixels=None) as image,
    ):
        return palette_colors(image)


def palette_colors(image: Image.Image) -> list[tuple[int, int, int]] | None:
    """RGB of each number of an image with a palette; None for other images."""
    flat = image.getpalette("RGB") if image.mode == "P" else None
    return None if flat is None else list(zip(flat[::3], flat[1::3], flat[2::3], strict=True))


def class_indices(image: Image.Image, *, classes: Sequence[ClassInfo], path: Path) -> np.ndarray:
    """The class numbers that the file stores; uint8, (height, width).

    Raises:
        DatasetError: the file stores colours, numbers beyond the classes, or another palette.
    """
    if image.mode not in {"L", "P"}:
        raise DatasetError(f"{path}: stores colours (Pillow mode {image.mode}), not class numbers")
    palette = palette_colors(image)
    if palette is not None and palette[: len(classes)] != [info.color for info in classes][: len(palette)]:
        raise DatasetError(f"{path}: its palette differs from the classes' colours")
    indices = np.asarray(image)
    strangers = np.setdiff1d(indices, [*range(len(classes)), NO_CLASS])
    if strangers.size:
        raise DatasetError(f"{path}: holds class number {strangers[0]}; there are {len(classes)} classes")
    return indices


def class_colors(image: Image.Image, *, classes: Sequence[ClassInfo], is_lossy: bool, path: Path) -> np.ndarray:
    """The classes in their flat colours; uint8, (height, width, 3).

    A lossy file's pixels take the nearest colour, because compression has blurred them. A lossless file's stay as
    they are; other colours than the classes' mean "no class".

    Raises:
        DatasetError: no pixel has a class's colour, so the option must be wrong.
    """
    palette = np.array([info.color for info in classes], np.int32)
    pixels = np.asarray(image.convert("RGB"))
    if not is_lossy:
        if not np.isin(_codes(pixels), _codes(palette)).any():
            raise DatasetError(f"{path}: shows none of the colours in --classes")
        return pixels
    distances = np.stack([np.square(pixels - color).sum(axis=2) for color in palette])
    if distances.min() > MAX_DISTANCE**2:
        raise DatasetError(f"{path}: shows none of the colours in --classes")
    return palette.astype(np.uint8)[distances.argmin(axis=0)]


def _codes(colors: np.ndarray) -> np.ndarray:
    """One number for each RGB colour: 0xrrggbb."""
    return colors.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
