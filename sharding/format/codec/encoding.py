"""Pixels -> encoded bytes: the same bytes each time, without metadata."""

import io
from typing import Any, Literal

import numpy as np
from PIL import Image

from sharding.format.codec.arrays import check_shape
from sharding.format.codec.kinds import check_dtype

StoredFormat = Literal["jpg", "png", "webp", "tiff", "npy"]
"""What is written; BMP is only read."""

_EIGHT, _DEEP = ("uint8",), ("uint8", "uint16")
_LIMITS: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "jpg": (_EIGHT, (1, 3)),
    "png": (_DEEP, (1, 2, 3, 4)),
    "webp": (_EIGHT, (3, 4)),
}
"""Types and numbers of channels of the formats that cannot take everything."""


def encode(pixels: np.ndarray, format: StoredFormat, *, quality: int = 95, compression: int = 6) -> bytes:
    """Encode (H, W) or (H, W, C) of uint8, uint16 or float32.

    Two channels in a PNG are grey and alpha, four RGB and alpha. TIFF is compressed (deflate), NPY is not.

    Args:
        quality: of `jpg`, which keeps full colour resolution, and `webp`: 1 to 100. The others are lossless.
        compression: of `png` of 8 bits, 1 to 9: photos of 256 px take 7 ms and 71 KiB each by 1, 24 ms and 64 KiB by 6.

    Raises:
        ValueError: the format cannot hold such pixels; the message says which can.
    """
    _, _, channels = check_shape(pixels.shape, name="the image to encode")
    check_dtype(pixels.dtype.name, name="the image to encode")
    if not can_encode(format, dtype=pixels.dtype.name, channels=channels):
        able = [
            other
            for other in (*_LIMITS, "tiff", "npy")
            if can_encode(other, dtype=pixels.dtype.name, channels=channels)
        ]
        raise ValueError(f"{channels} channels of {pixels.dtype} do not fit into {format}; use {', '.join(able)}.")
    pixels = np.ascontiguousarray(pixels[:, :, 0] if pixels.ndim == 3 and channels == 1 else pixels)
    match format:
        case "tiff":
            return _tiff(pixels, channels)
        case "npy":
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, pixels.reshape(*pixels.shape[:2], channels), allow_pickle=False)
            return buffer.getvalue()
        case "png" if pixels.dtype == np.uint16:
            import imagecodecs

            return bytes(imagecodecs.png_encode(pixels))
        case _:
            return _picture(pixels, format, quality=quality, compression=compression)


def stored_format(extension: str) -> StoredFormat:
    """`photo.jpg` -> `jpg`."""
    format = extension.rpartition(".")[2]
    assert format in ("jpg", "png", "webp", "tiff", "npy"), extension
    return format


def can_encode(format: str, *, dtype: str, channels: int) -> bool:
    """Whether a format can hold such pixels."""
    if format not in _LIMITS:
        return format in ("tiff", "npy")
    dtypes, numbers = _LIMITS[format]
    return dtype in dtypes and channels in numbers


def _picture(pixels: np.ndarray, format: str, *, quality: int, compression: int) -> bytes:
    image, buffer = Image.fromarray(pixels), io.BytesIO()
    match format:
        case "png":
            image.save(buffer, "PNG", compress_level=compression)
        case "webp":
            image.save(buffer, "WEBP", quality=quality, exact=True)
        case _:
            image.save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def _tiff(pixels: np.ndarray, channels: int) -> bytes:
    import tifffile

    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **tiff_options(channels))
    return buffer.getvalue()


def tiff_options(channels: int) -> dict[str, Any]:
    """How a TIFF is written, whole or by rows: compressed without loss, channels side by side, without its writer."""
    return {
        "photometric": "rgb" if channels in (3, 4) else "minisblack",
        "planarconfig": "contig" if channels > 1 else None,
        "extrasamples": ["unspecified"] * (channels - (3 if channels in (3, 4) else 1)),
        "compression": "zlib",
        "predictor": True,
        "metadata": None,
        "software": False,
    }
