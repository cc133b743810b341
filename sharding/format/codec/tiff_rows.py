"""Rows of TIFF files that are larger than memory, and the tags that say where on Earth they lie."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sharding.errors import DatasetError
from sharding.format.codec.encoding import tiff_options
from sharding.format.codec.tiff import TiffLayout, read_layout
from sharding.storage.files import open_regular

GEOREFERENCE = (33550, 33922, 34264, 34735, 34736, 34737)
"""Tags of GeoTIFF (OGC 19-008r4, 7.1): scale, tie points, transformation, and the keys of the coordinate system."""
_JPEG = (6, 7)  # its tables lie apart from the segments
_ASCII = 2

ExtraTag = tuple[int, int, int, Any, bool]
"""Number, type, count, value, and whether it is written once: as tifffile takes it."""


class TiffRows:
    """The first image of an open file, read a few rows at a time: what is decoded is the segments that hold them."""

    def __init__(self, page: Any, layout: TiffLayout, *, name: str) -> None:
        self.size = layout.size
        """Width, height."""
        self.channels = layout.channels
        self.has_alpha = layout.has_alpha
        self._page, self._layout, self._name = page, layout, name

    def read(self, top: int, bottom: int) -> np.ndarray:
        """(bottom - top, width, channels) in the file's type. Raises DatasetError if they are damaged."""
        try:
            pixels = self._segments(top, bottom)
        except Exception as error:
            raise DatasetError(f"{self._name}: rows {top} to {bottom} are damaged ({error})") from error
        return np.iinfo(pixels.dtype).max - pixels if self._layout.is_inverted else pixels

    def _segments(self, top: int, bottom: int) -> np.ndarray:
        page, width = self._page, self.size[0]
        height, across = (page.tilelength, -(-width // page.tilewidth)) if page.is_tiled else (page.rowsperstrip, 1)
        pixels = np.zeros((bottom - top, width, self.channels), page.dtype)
        for row in range(top // height, -(-bottom // height)):
            for column in range(across):
                segment, y, x = self._decode(row * across + column)
                low, high = max(y, top), min(y + segment.shape[0], bottom)
                pixels[low - top : high - top, x : x + segment.shape[1]] = segment[low - y : high - y, : width - x]
        return pixels

    def _decode(self, number: int) -> tuple[np.ndarray, int, int]:
        """A strip or tile (h, w, C), and where it lies."""
        page, file = self._page, self._page.parent.filehandle
        file.seek(page.dataoffsets[number])
        content = file.read(page.databytecounts[number])
        segment, (_, _, y, x, _), _ = page.decode(content, number)
        if segment is None:
            raise ValueError(f"segment {number} is empty")
        return segment[0], y, x


@contextmanager
def open_rows(path: Path) -> Iterator[TiffRows | None]:
    """The first image by rows; None where its file can only be decoded whole: see `_goes_by_rows`.

    Raises:
        DatasetError: it is no TIFF that can be read.
        OSError: likewise.
    """
    import tifffile

    with open_regular(path, follow_links=True) as file:
        layout = read_layout(file, name=path.name)
        file.seek(0)
        with tifffile.TiffFile(file) as tif:
            page = tif.pages.first
            yield TiffRows(page, layout, name=path.name) if _goes_by_rows(page, layout) else None


def _goes_by_rows(page: Any, layout: TiffLayout) -> bool:
    """Whether it lies in several strips or tiles of all channels, upright, in colours that need no conversion."""
    return (
        len(page.dataoffsets) > 1
        and int(page.planarconfig) == 1
        and layout.orientation == 1
        and not layout.needs_pillow
    )


def place_tags(path: Path) -> list[ExtraTag]:
    """The tags that say where on Earth a TIFF lies, for a file of the same size; empty of other files.

    GDAL's own (statistics, the value of no data) are of the values, which a translation changes: they stay behind.
    """
    import tifffile

    try:
        with open_regular(path, follow_links=True) as file, tifffile.TiffFile(file) as tif:
            page = tif.pages.first
            turned = 274 in page.tags and page.tags[274].value != 1  # pixels are turned upright, tie points are not
            tags = [] if turned else [page.tags[code] for code in GEOREFERENCE if code in page.tags]
            return [_extra_tag(tag) for tag in tags]
    except Exception as error:
        raise DatasetError(f"{path.name}: is no TIFF, or its beginning is damaged ({error})") from error


def _extra_tag(tag: Any) -> ExtraTag:
    value = tag.value
    return (tag.code, int(tag.dtype), 0 if int(tag.dtype) == _ASCII else tag.count, value, True)


def encode_rows(
    file: Any, rows: Iterator[np.ndarray], *, size: tuple[int, int], channels: int, dtype: str, tags: list[ExtraTag]
) -> None:
    """Write a TIFF of tiles as its rows come: (h, width, channels) each, in `dtype`, `size` = (width, height) in all.

    Compressed (deflate); of more than 2 GB a BigTIFF.
    """
    import tifffile

    width, height = size
    num_bytes = width * height * channels * np.dtype(dtype).itemsize
    with tifffile.TiffWriter(file, bigtiff=num_bytes > 2**31) as writer:
        writer.write(
            _tiles(rows, width=width),
            shape=(height, width, channels) if channels > 1 else (height, width),
            dtype=dtype,
            tile=(_TILE, _TILE),
            extratags=tags,
            maxworkers=1,
            **tiff_options(channels),
        )


_TILE = 256


def _tiles(rows: Iterator[np.ndarray], *, width: int) -> Iterator[np.ndarray]:
    """Tiles from left to right, and from top to bottom; of one channel (h, w)."""
    waiting: list[np.ndarray] = []
    for part in rows:
        waiting.append(part)
        while sum(len(item) for item in waiting) >= _TILE:
            joined = np.concatenate(waiting)
            yield from _across(joined[:_TILE], width)
            waiting = [joined[_TILE:]]
    if joined := [item for item in waiting if len(item)]:
        yield from _across(np.concatenate(joined), width)


def _across(rows: np.ndarray, width: int) -> Iterator[np.ndarray]:
    for left in range(0, width, _TILE):
        tile = rows[:, left : left + _TILE]
        yield np.ascontiguousarray(tile[:, :, 0] if tile.shape[2] == 1 else tile)
