"""Read and encode images with Pillow. Its codecs release the GIL, so threads are enough to use every core."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from sharding import codec
from sharding.manifest import DatasetError

_DEEP_MODES = ("I", "F")


def open_image(path: Path) -> Image.Image:
    """Decode the whole file and apply its EXIF orientation.

    Raises:
        DatasetError: the file is truncated, no image, too deep, or transparent; the message names it.
    """
    try:
        with Image.open(path) as file:
            file.load()
            image = ImageOps.exif_transpose(file)
    except Exception as error:  # Pillow's decoders raise almost anything on a broken file
        raise DatasetError(f"{path}: cannot be decoded ({error})") from error
    if image.mode.startswith(_DEEP_MODES):
        raise DatasetError(f"{path}: has more than 8 bits per channel (Pillow mode {image.mode}); save it with 8")
    if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise DatasetError(f"{path}: has transparent pixels; flatten it onto a background")
    return image


def encode(pixels: np.ndarray, extension: str) -> bytes:
    """Encode as the extension's suffix says: `jpg` at quality 95 with full chroma, `png` lossless; no metadata.

    Args:
        pixels: uint8, (height, width) or (height, width, 3).
    """
    return codec.encode(pixels, "png" if extension.endswith("png") else "jpg")
