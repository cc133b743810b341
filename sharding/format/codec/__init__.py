"""One definition of what an image file holds, for whoever writes, checks and reads data sets.

An image has 1 to N channels of uint8, uint16 or float32, and is a PNG, JPEG, WebP, TIFF, BMP or NPY file. Where Pillow
would cut to 8 bits or knows no such number of channels, imagecodecs and tifffile read and write.

Each name is looked up when it is first asked for: who wants to know suffixes alone does not wait for NumPy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sharding.format.bounds import MOST_PIXELS
    from sharding.format.codec.decoding import check_whole, decode, decode_indices, decode_picture
    from sharding.format.codec.encoding import StoredFormat, can_encode, encode, stored_format
    from sharding.format.codec.header import open_picture, pillow_formats, read_header
    from sharding.format.codec.kinds import SUFFIXES, Format, Header
    from sharding.format.codec.stored import check_stored

__all__ = [
    "MOST_PIXELS",
    "SUFFIXES",
    "Format",
    "Header",
    "StoredFormat",
    "can_encode",
    "check_stored",
    "check_whole",
    "decode",
    "decode_indices",
    "decode_picture",
    "encode",
    "open_picture",
    "pillow_formats",
    "read_header",
    "stored_format",
]

_HOMES = {
    "sharding.format.bounds": ("MOST_PIXELS",),
    "sharding.format.codec.decoding": ("check_whole", "decode", "decode_indices", "decode_picture"),
    "sharding.format.codec.encoding": ("StoredFormat", "can_encode", "encode", "stored_format"),
    "sharding.format.codec.header": ("open_picture", "pillow_formats", "read_header"),
    "sharding.format.codec.kinds": ("SUFFIXES", "Format", "Header"),
    "sharding.format.codec.stored": ("check_stored",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return globals().setdefault(name, getattr(import_module(home), name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
