"""One definition of what an image file holds, for whoever writes, checks and reads data sets.

An image has 1 to N channels of uint8, uint16 or float32, and is a PNG, JPEG, WebP, TIFF, BMP or NPY file. Where Pillow
would cut to 8 bits or knows no such number of channels, imagecodecs and tifffile read and write.
"""

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
