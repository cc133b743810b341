"""Whether a file of a data set announces what the manifest says: told from its header, before anything is decoded.

Training asks it of each file that it reads, so the usual kinds are looked at in microseconds.
"""

from typing import NamedTuple

from sharding.errors import DatasetError
from sharding.format.bounds import MOST_PIXELS, MOST_VALUES
from sharding.format.codec.header import header_of
from sharding.format.manifest import View

_PNG_START = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
_JPEG_START = b"\xff\xd8"
_VP8_START = b"\x9d\x01\x2a"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a JPEG behind which its size stands."""
_ALONE = frozenset({0x00, 0x01, 0xFF, *range(0xD0, 0xD9)})
"""Markers without a length, and what is none."""
_PIXELS_OR_END = frozenset({0xD9, 0xDA})


class _Announced(NamedTuple):
    """What a header announces of the picture as it is decoded."""

    width: int
    height: int
    channels: int
    dtype: str


def check_stored(content: bytes, view: View) -> None:
    """Refuse a file that is not what the manifest says of its view.

    Raises:
        DatasetError: it is no picture of a kind that is stored, has another size or type, or is larger than any may be.
    """
    found = _at_first_sight(content)
    if found is not None and _is_told(found, view):
        return
    try:
        header = header_of(content, name="it")  # turned upright, and with the alpha that hides in a palette
    except DatasetError as error:
        raise DatasetError(str(error).replace("it: ", "it ", 1)) from error
    found = _Announced(*header.size, header.channels, header.dtype)
    if not _is_told(found, view):
        raise DatasetError(_difference(found, view))


def _is_told(found: _Announced, view: View) -> bool:
    """Sizes that the manifest does not tell may be any, up to the most."""
    width, height, channels, dtype = found
    return (
        width == (view.width or width)
        and height == (view.height or height)
        and dtype == view.dtype
        and (channels == view.channels or view.content == "classes")  # of which a palette has three
        and 0 < width * height <= MOST_PIXELS
        and width * height * channels <= MOST_VALUES
    )


def _difference(found: _Announced, view: View) -> str:
    width, height, channels, dtype = found
    if width * height > MOST_PIXELS or width * height * channels > MOST_VALUES:
        return (
            f"it is {width}x{height} pixels of {channels} channels; no picture may have more than {MOST_PIXELS} pixels "
            f"or {MOST_VALUES} values"
        )
    if width != (view.width or width) or height != (view.height or height):
        return f"it is {width}x{height} pixels; the manifest says {view.width or 'any'}x{view.height or 'any'}"
    return f"it has {channels} channels of {dtype}; the manifest says {view.channels} of {view.dtype}"


def _at_first_sight(content: bytes) -> _Announced | None:
    """Read the usual headers; None if a closer look is needed."""
    try:
        if content.startswith(_PNG_START):
            width, height = int.from_bytes(content[16:20]), int.from_bytes(content[20:24])
            depth, kind = content[24], content[25]
            return _Announced(width, height, _PNG_CHANNELS[kind], "uint16" if depth == 16 else "uint8")
        if content.startswith(b"RIFF") and content[12:16] == b"VP8 " and content[23:26] == _VP8_START:
            width, height = int.from_bytes(content[26:28], "little"), int.from_bytes(content[28:30], "little")
            return _Announced(width & 0x3FFF, height & 0x3FFF, 3, "uint8")
        return _jpeg(content) if content.startswith(_JPEG_START) else None
    except (IndexError, KeyError, ValueError):  # cut short, or damaged
        return None


def _jpeg(content: bytes) -> _Announced | None:
    """What the first frame says, as libjpeg finds it: segment by segment, past whatever lies between them."""
    place = 2
    while True:
        place = content.index(b"\xff", place) + 1
        marker = content[place]
        if marker in _FRAMES:
            precision, channels = content[place + 3], content[place + 8]
            height = int.from_bytes(content[place + 4 : place + 6])
            width = int.from_bytes(content[place + 6 : place + 8])
            return _Announced(width, height, channels, "uint8") if precision == 8 and channels in (1, 3) else None
        if marker in _PIXELS_OR_END:
            return None
        if marker not in _ALONE:
            place += 1 + int.from_bytes(content[place + 1 : place + 3])
