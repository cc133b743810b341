"""Encoded bytes -> pixels."""

import io
import re

import numpy as np
from PIL import Image, ImageOps

from sharding.errors import DatasetError
from sharding.format.bounds import MOST_PIXELS
from sharding.format.codec import npy, tiff
from sharding.format.codec.arrays import check_shape, finish
from sharding.format.codec.header import open_picture, orientation_of, png_depth
from sharding.format.codec.kinds import check_dtype, is_npy, is_tiff

_JPEG_START = b"\xff\xd8"
_JPEG_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
"""Between and in the pixels: neither a byte 255 of theirs, nor a restart."""
_JPEG_END, _JPEG_ALONE = 0xD9, frozenset({0x01, 0xD8})
"""Codes of markers; behind the latter stands no length."""
_RIFF_START = b"RIFF"
_PNG_START, _PNG_END = b"\x89PNG", b"IEND\xaeB`\x82"
_DEEP_MODES = ("I", "F")
_PLAIN_MODES = ("L", "LA", "RGB", "RGBA")


def decode(content: bytes, *, name: str, most_pixels: int | None = MOST_PIXELS) -> np.ndarray:
    """The pixels of a whole image file, upright as its EXIF orientation says.

    Palettes and CMYK become RGB, with alpha where the file has it. Of an animation, the first frame. Beyond the formats
    of `Header`, what Pillow reads is decoded, too.

    Args:
        name: of the file, for messages.
        most_pixels: a larger picture is refused before it is decoded; None for files of the user's own, whose headers
            were judged.

    Returns:
        (H, W, C) in the type of the file: uint8, uint16 or float32.

    Raises:
        DatasetError: the file is truncated, no image, too large, of a type that cannot be stored, or holds NaN.
    """
    return _decode(content, name=name, keeps_indices=False, most_pixels=most_pixels)


def decode_indices(content: bytes, *, name: str) -> np.ndarray:
    """The same of a file that stores class numbers, maybe with a palette: (H, W, 1).

    Raises:
        DatasetError: likewise, or it stores colours or fractions.
    """
    pixels = _decode(content, name=name, keeps_indices=True, most_pixels=MOST_PIXELS)
    if pixels.shape[2] != 1 or pixels.dtype.kind == "f":
        raise DatasetError(
            f"{name}: has {pixels.shape[2]} channels of {pixels.dtype}, where class numbers are one of whole numbers"
        )
    return pixels


def decode_picture(content: bytes, *, name: str) -> Image.Image:
    """The same as Pillow has it, with its palette: for flat colours and class numbers, of files of the user's own.

    Raises:
        DatasetError: the file is truncated, no picture of 8 bits, or has transparent pixels.
    """
    try:
        image = _array_picture(content) if is_npy(content) else _turned_picture(content, name=name)
    except DatasetError:
        raise
    except Exception as error:  # decoders raise almost anything on a broken file
        raise DatasetError(f"{name}: cannot be decoded ({error or type(error).__name__})") from error
    if image.mode.startswith(_DEEP_MODES):
        raise DatasetError(f"{name}: has more than 8 bits per channel (Pillow mode {image.mode}); save it with 8")
    if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise DatasetError(f"{name}: has transparent pixels; flatten it onto a background")
    return image


def _array_picture(content: bytes) -> Image.Image:
    pixels = npy.read_pixels(content)
    if pixels.dtype != np.uint8:
        raise ValueError(f"it holds values of {pixels.dtype}; save it as uint8")
    return Image.fromarray(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)


def _turned_picture(content: bytes, *, name: str) -> Image.Image:
    _check_end(content)
    with open_picture(io.BytesIO(content), name=name, most_pixels=None) as file:
        file.load()
        return ImageOps.exif_transpose(file)


def check_whole(content: bytes, *, name: str) -> None:
    """Whether a file that is stored untouched ends where it should; its pixels are not decoded.

    Raises:
        DatasetError: it is cut short.
    """
    try:
        if is_npy(content):
            npy.read_pixels(content)  # hardly more than a copy
        elif is_tiff(content):
            tiff.read_pixels(content, name=name, most_pixels=None)  # its parts may lie anywhere
        else:
            _check_end(content)
    except DatasetError:
        raise
    except Exception as error:
        raise DatasetError(f"{name}: {error or type(error).__name__}") from error


def _decode(content: bytes, *, name: str, keeps_indices: bool, most_pixels: int | None) -> np.ndarray:
    try:
        pixels, orientation = _read(content, name=name, keeps_indices=keeps_indices, most_pixels=most_pixels)
    except DatasetError:
        raise
    except Exception as error:  # decoders raise almost anything on a broken file
        raise DatasetError(f"{name}: cannot be decoded ({error or type(error).__name__})") from error
    check_dtype(pixels.dtype.name, name=name)
    return finish(pixels, orientation=orientation, name=name)


def _read(content: bytes, *, name: str, keeps_indices: bool, most_pixels: int | None) -> tuple[np.ndarray, int]:
    """Pixels, and the orientation that is yet to be applied."""
    if not content:
        raise ValueError("the file is empty")
    if is_npy(content):
        pixels = npy.read_pixels(content)
        check_shape(pixels.shape, name=name)
        return pixels, 1
    if is_tiff(content) and not keeps_indices:
        return tiff.read_pixels(content, name=name, most_pixels=most_pixels)
    if is_tiff(content):
        return tiff.read_indices(content, name=name, most_pixels=most_pixels)
    _check_end(content)
    return _read_picture(content, name=name, keeps_indices=keeps_indices, most_pixels=most_pixels)


def _read_picture(content: bytes, *, name: str, keeps_indices: bool, most_pixels: int | None) -> tuple[np.ndarray, int]:
    with open_picture(io.BytesIO(content), name=name, most_pixels=most_pixels) as image:
        orientation = orientation_of(image)
        if content.startswith(_PNG_START) and png_depth(content) == 16:
            import imagecodecs

            return np.asarray(imagecodecs.png_decode(content)), orientation
        image.load()
        return picture_pixels(image, keeps_indices=keeps_indices), orientation


def picture_pixels(image: Image.Image, *, keeps_indices: bool) -> np.ndarray:
    """(H, W) or (H, W, C)."""
    is_plain = image.mode in _PLAIN_MODES and "transparency" not in image.info
    is_deep = image.mode.startswith(("I", "F"))
    if is_plain or is_deep or (keeps_indices and image.mode in ("P", "L")):
        return np.asarray(image)
    return np.asarray(tiff.convert(image))


def _check_end(content: bytes) -> None:
    """A file whose end is missing, or was filled with zeros, may decode to grey pixels without an error."""
    if content.startswith(_JPEG_START) and not _reaches_its_end(content):
        raise ValueError("the file is truncated: its end marker is missing")
    if content.startswith(_PNG_START) and content.rfind(_PNG_END) < 0:
        raise ValueError("the file is truncated: its last chunk is missing")
    if content.startswith(_RIFF_START) and len(content) < 8 + int.from_bytes(content[4:8], "little"):
        raise ValueError("the file is truncated: it is shorter than its header says")


def _reaches_its_end(content: bytes) -> bool:
    """Whether a JPEG's own segments lead to its end; what lies behind it, as the film of a moving photo, is none."""
    place = len(_JPEG_START)
    while (found := _JPEG_MARKER.search(content, place)) is not None:
        marker, place = found[1][0], found.end()
        if marker == _JPEG_END:
            return True
        if marker not in _JPEG_ALONE:
            place += int.from_bytes(content[place : place + 2])
    return False
