"""Kinds of image files, told by their content, and what a header tells."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sharding.errors import DatasetError
from sharding.format.manifest import DType

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".npy", ".png", ".tif", ".tiff", ".webp"})
"""Lower-case endings of the files that can be read."""

Format = Literal["jpg", "png", "webp", "tiff", "bmp", "npy"]
"""As the suffix of what is stored says."""

NPY_MAGIC = b"\x93NUMPY"
TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""Of both byte orders, and of files beyond 4 GB."""


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What the pixels of a file are, whatever its name and size: what many files of a view have in common."""

    channels: int
    """As decoded: grey 1, grey with alpha 2, colour 3 (CMYK and palettes too), with alpha 4, or any number."""
    dtype: DType
    format: Format
    is_lossy: bool
    """Compression has changed the pixels: JPEG, most WebP."""
    has_alpha: bool
    """The last channel says how opaque a pixel is."""
    has_palette: bool
    """The file stores indices into a palette, which may be class numbers."""
    is_plain: bool
    """DALI, Pillow, OpenCV, ... all read the same pixels from the file: 8 bits, 1 or 3 channels, nothing to convert,
    mask or turn. Any other file is to be decoded here and encoded again before others are to read it."""

    @property
    def colors(self) -> int:
        """Channels without alpha."""
        return self.channels - self.has_alpha

    @property
    def is_grey(self) -> bool:
        """Whether it has no colour; a second channel is alpha."""
        return self.colors == 1


@dataclass(frozen=True, kw_only=True)
class Header(Traits):
    """What a file's first bytes tell."""

    path: Path
    size: tuple[int, int]
    """Width, height in pixels, after EXIF orientation."""
    num_bytes: int


def is_tiff(start: bytes) -> bool:
    """Whether a file that begins with `start` (4 bytes or more) is a TIFF."""
    return start.startswith(TIFF_MAGICS)


def is_npy(start: bytes) -> bool:
    """Whether a file that begins with `start` (6 bytes or more) is an array of NumPy."""
    return start.startswith(NPY_MAGIC)


def check_dtype(kind: str, *, name: str) -> DType:
    """`kind`, if it is one that can be stored.

    Args:
        kind: NumPy's name of the type, in the machine's byte order.

    Raises:
        DatasetError: it is another; the message names `name` and what to do.
    """
    match kind:
        case "uint8" | "uint16" | "float32":
            return kind
        case "float64" | "float16":
            remedy = "save it as float32"
        case "bool":
            remedy = "save it as uint8"
        case "complex64" | "complex128":
            remedy = "save real and imaginary part as two channels of float32"
        case _:
            remedy = "save it as uint8 or uint16 if its values fit, else as float32"
    raise DatasetError(f"{name}: holds values of type {kind}; {remedy}")
