"""One definition of what an image file holds, for whoever writes, checks and reads data sets.

An image has 1 to N channels of uint8, uint16 or float32, and is a PNG, JPEG, WebP, TIFF, BMP or NPY file. Where Pillow
would cut to 8 bits or knows no such number of channels, imagecodecs and tifffile read and write.
"""

from sharding.codec.decoding import check_whole, decode, decode_indices, decode_picture
from sharding.codec.encoding import StoredFormat, can_encode, encode, stored_format
from sharding.codec.header import read_header
from sharding.codec.kinds import SUFFIXES, Format, Header

__all__ = [
    "SUFFIXES",
    "Format",
    "Header",
    "StoredFormat",
    "can_encode",
    "check_whole",
    "decode",
    "decode_indices",
    "decode_picture",
    "encode",
    "read_header",
    "stored_format",
]
