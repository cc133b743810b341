"""Picture files of any kind that Pillow reads, as a run's input view."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

_NO_RANGE = ("I", "F")  # 32 bits: nothing in the file says which value is white


class UnreadablePictureError(ValueError):
    """A file is no picture, is damaged, or has values of no known range; the message names the cause."""


def picture_suffixes() -> frozenset[str]:
    """Lower-case endings of the files that Pillow reads, e.g. `.png`."""
    readable = Image.registered_extensions().items()
    return frozenset(suffix for suffix, kind in readable if kind in Image.OPEN)


def read_picture(path: Path, *, channels: int) -> Image.Image:
    """The picture in mode L (1 channel) or RGB (3), upright as its EXIF orientation says, 8 bits.

    Transparent parts show white paper. 16 bits become 8 by dividing by 257. Of an animation, the first frame.

    Raises:
        UnreadablePictureError: as its docstring says.
    """
    try:
        with Image.open(path) as picture:
            picture.load()
            upright = ImageOps.exif_transpose(picture)
    # What Pillow's decoders raise on damaged files is not one family of errors.
    except (OSError, ValueError, SyntaxError, TypeError, EOFError, Image.DecompressionBombError) as error:
        raise UnreadablePictureError(f"cannot be read: {error}") from error
    return _to_8_bits(upright).convert("L" if channels == 1 else "RGB")


def _to_8_bits(picture: Image.Image) -> Image.Image:
    if picture.mode in _NO_RANGE:
        raise UnreadablePictureError(
            f"has 32-bit values (mode {picture.mode}) of unknown range: convert it to 8 or 16 bits"
        )
    if picture.mode.startswith("I;16"):
        # Pillow's own conversion would cut everything above 255 to white.
        return Image.fromarray((np.asarray(picture, dtype=np.float32) / 257).round().astype(np.uint8))
    if picture.has_transparency_data:
        paper = Image.new("RGBA", picture.size, "white")
        paper.alpha_composite(picture.convert("RGBA"))
        return paper
    return picture
