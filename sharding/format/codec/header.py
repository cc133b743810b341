"""Look at the beginning of an image file, and decode nothing."""

import io
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import IO, BinaryIO

from PIL import Image, UnidentifiedImageError
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import jpeg_factory
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from sharding.errors import DatasetError
from sharding.format.bounds import MOST_PIXELS
from sharding.format.codec import npy, tiff
from sharding.format.codec.arrays import check_shape
from sharding.format.codec.kinds import Format, Header, check_dtype, is_npy, is_tiff
from sharding.format.manifest import DType
from sharding.storage.files import open_regular

ORIENTATION = 0x0112
"""EXIF's tag for how to turn and mirror an image: 1 (as it is) to 8."""
QUARTER_TURNS = frozenset({5, 6, 7, 8})
"""Orientations in which width and height change places."""

_FORMATS: dict[str | None, Format] = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp", "BMP": "bmp"}
_CHANNELS = {"1": 1, "L": 1, "I;16": 1, "LA": 2, "P": 3, "RGB": 3, "CMYK": 3, "YCbCr": 3, "PA": 4, "RGBA": 4}
_PNG_DEPTH, _PNG_COLOR = 24, 25  # offsets of the bytes with the bits of a channel, and the kind of colour
_PNG_GREY_ALPHA = 4
_FEW = 4
"""Channels that a picture may have, where an array's first axis is so short and the others are not."""


def read_header(path: Path) -> Header:
    """What the first bytes of a file tell, however large an image they announce.

    Raises:
        DatasetError: the file is no image of a known kind, or of a type that cannot be stored; the message names it.
        OSError: the file cannot be read.
    """
    with open_regular(path, follow_links=True) as file:
        return _read(file, path, os.fstat(file.fileno()).st_size)


def header_of(content: bytes, *, name: str) -> Header:
    """The same of a file in memory. Raises DatasetError likewise."""
    return _read(io.BytesIO(content), Path(name), len(content))


def _read(file: BinaryIO, path: Path, num_bytes: int) -> Header:
    start = file.read(32)
    file.seek(0)
    return _kind_of(start)(file, start, path, num_bytes)


def orientation_of(image: Image.Image) -> int:
    """How the image is to be turned, as EXIF or XMP says; 1 where they say nothing. Decodes nothing."""
    if image.format == "PNG" and not {"exif", "Raw profile type exif", "XML:com.adobe.xmp"} & image.info.keys():
        return 1  # Pillow would decode the whole file to look behind the pixels
    value = image.getexif().get(ORIENTATION, 1)
    return value if value in range(1, 9) else 1


def png_depth(start: bytes) -> int:
    """Bits of a channel of the PNG that begins with `start`."""
    return start[_PNG_DEPTH]


def open_picture(file: IO[bytes], *, name: str, most_pixels: int | None = MOST_PIXELS) -> Image.Image:
    """Open with Pillow, whose own limit stays as it is for everybody else.

    Args:
        most_pixels: None for files of the user's own, whose size is judged elsewhere.

    Raises:
        DatasetError: the file is no picture, or announces a larger one.
    """
    try:
        image = _open(file)
    except Exception as error:  # Pillow's decoders raise almost anything on a broken file
        reason = "" if isinstance(error, UnidentifiedImageError) else f" ({error})"
        raise DatasetError(f"{name}: is no image, or its beginning is damaged{reason}") from error
    if most_pixels is not None and image.width * image.height > most_pixels:
        image.close()
        raise DatasetError(f"{name}: announces {image.width}x{image.height} pixels, where {most_pixels} are the most")
    return image


def _open(file: IO[bytes]) -> Image.Image:
    """The usual kinds past `Image.open`, because its limit on pixels is one for the whole process."""
    start = file.read(16)
    file.seek(0)
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngImageFile(file)
    if start.startswith(b"\xff\xd8\xff"):
        return jpeg_factory(file)
    if start.startswith(b"BM"):
        return BmpImageFile(file)
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return WebPImageFile(file)
    return Image.open(file, formats=pillow_formats())


@cache
def pillow_formats() -> tuple[str, ...]:
    """What Pillow reads by itself: EPS it hands to Ghostscript, which would run a stranger's script."""
    Image.init()
    return tuple(format for format in Image.ID if format != "EPS")


def _kind_of(start: bytes) -> Callable[[BinaryIO, bytes, Path, int], Header]:
    if is_npy(start):
        return _npy_header
    return _tiff_header if is_tiff(start) else _picture_header


def _picture_header(file: BinaryIO, start: bytes, path: Path, num_bytes: int) -> Header:
    with open_picture(file, name=str(path), most_pixels=None) as image:
        if image.format not in _FORMATS:
            raise DatasetError(f"{path}: is a {image.format} file; save it as PNG, JPEG, WebP, TIFF, BMP or NPY")
        if image.mode not in _CHANNELS:
            raise DatasetError(f"{path}: has Pillow's mode {image.mode}; save it as grey or RGB")
        is_huge = image.width * image.height > MOST_PIXELS
        # Of a PNG, Pillow may decode all pixels to find the orientation. Whoever reads the header refuses a huge one.
        format, orientation = _FORMATS[image.format], 1 if is_huge else orientation_of(image)
        has_alpha = image.has_transparency_data
        channels = _CHANNELS[image.mode] + (has_alpha and image.mode in ("P", "1", "L", "RGB", "I;16"))
        if format == "png" and start[_PNG_COLOR] == _PNG_GREY_ALPHA:
            channels = 2  # which Pillow knows of 8 bits only
        dtype: DType = "uint16" if format == "png" and png_depth(start) == 16 else "uint8"
        size = image.size[::-1] if orientation in QUARTER_TURNS else image.size
        is_simple = image.mode in ("L", "RGB") and orientation == 1 and not has_alpha
        return Header(
            path=path,
            size=(size[0], size[1]),
            channels=channels,
            dtype=dtype,
            format=format,
            is_lossy=format == "jpg" or (format == "webp" and _is_lossy_webp(file)),
            has_alpha=has_alpha,
            has_palette=image.mode in ("P", "PA"),
            is_plain=is_simple and _is_stored_simply(image, start, format),
            num_bytes=num_bytes,
        )


def _is_stored_simply(image: Image.Image, start: bytes, format: Format) -> bool:
    """Whether the file of a grey or RGB image holds just these bytes, compressed."""
    match format:
        case "png":
            return png_depth(start) == 8
        case "bmp":
            bits, height = int.from_bytes(start[28:30], "little"), int.from_bytes(start[22:26], "little", signed=True)
            return image.info.get("compression") == 0 and height > 0 and bits == (24 if image.mode == "RGB" else 8)
        case "webp":
            return not getattr(image, "is_animated", False)
        case _:
            return True


def _is_lossy_webp(file: BinaryIO) -> bool:
    """Whether the first image chunk of a RIFF file is lossy."""
    position = file.tell()
    try:
        file.seek(12)
        while len(chunk := file.read(8)) == 8:
            name, length = chunk[:4], int.from_bytes(chunk[4:], "little")
            if name in (b"VP8 ", b"VP8L"):
                return name == b"VP8 "
            file.seek(16 if name == b"ANMF" else length + length % 2, 1)  # the image lies inside a frame
        return True
    finally:
        file.seek(position)


def _npy_header(file: BinaryIO, start: bytes, path: Path, num_bytes: int) -> Header:
    try:
        shape, _, dtype = npy.read_header(file)
    except Exception as error:
        raise DatasetError(f"{path}: is no array of NumPy, or its beginning is damaged ({error})") from error
    height, width, channels = check_shape(shape, name=str(path))
    if height <= _FEW < min(width, channels):
        raise DatasetError(f"{path}: has the shape {shape}, channels first; save it as (height, width, channels)")
    return Header(
        path=path,
        size=(width, height),
        channels=channels,
        dtype=check_dtype(dtype.name, name=str(path)),
        format="npy",
        is_lossy=False,
        has_alpha=False,
        has_palette=False,
        is_plain=False,
        num_bytes=num_bytes,
    )


def _tiff_header(file: BinaryIO, start: bytes, path: Path, num_bytes: int) -> Header:
    layout = tiff.read_layout(file, name=str(path))
    width, height = layout.size
    return Header(
        path=path,
        size=(height, width) if layout.orientation in QUARTER_TURNS else (width, height),
        channels=layout.channels,
        dtype=layout.dtype,
        format="tiff",
        is_lossy=layout.is_lossy,
        has_alpha=layout.has_alpha,
        has_palette=layout.has_palette,
        is_plain=layout.is_plain,
        num_bytes=num_bytes,
    )
