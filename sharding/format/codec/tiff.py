"""TIFF files: what their first page holds, and its pixels.

tifffile reads the values as they are stored, in any number of channels and bits. Pillow reads what has to be converted:
palettes, CMYK, YCbCr, and pixels smaller than a byte.
"""

import io
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from sharding.errors import DatasetError
from sharding.format.bounds import MOST_PIXELS, MOST_VALUES
from sharding.format.codec.kinds import check_dtype
from sharding.format.manifest import DType

_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_KNOWN = (_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE, _CMYK, _YCBCR)
_CONVERTED = (_PALETTE, _CMYK, _YCBCR)
_PLAIN_COMPRESSIONS = (1, 5, 8, 32773, 32946)  # none, LZW, deflate, packbits, deflate
_LOSSY_COMPRESSIONS = (6, 7, 34892, 33003, 33004, 33005, 34712, 50001, 50002)  # JPEG, JPEG 2000, WebP, JPEG XL


@dataclass(frozen=True, kw_only=True)
class TiffLayout:
    """How the first image of a file is stored."""

    size: tuple[int, int]
    """Width, height as stored."""
    orientation: int
    channels: int
    dtype: DType
    has_alpha: bool
    has_palette: bool
    is_inverted: bool
    """0 is white."""
    is_lossy: bool
    is_plain: bool
    needs_pillow: bool


def read_layout(file: BinaryIO, *, name: str) -> TiffLayout:
    """The layout of the first image.

    Raises:
        DatasetError: there is none, or it is of a kind that is not read; the message says what to do.
    """
    import tifffile

    try:
        with tifffile.TiffFile(file) as tif:
            return _layout(tif, name=name)
    except DatasetError:
        raise
    except Exception as error:
        raise DatasetError(f"{name}: is no image, or its beginning is damaged ({error})") from error


def read_pixels(content: bytes, *, name: str, most_pixels: int | None) -> tuple[np.ndarray, int]:
    """(H, W) or (H, W, C) of the first image, and the orientation that is yet to be applied."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(content)) as tif:
        layout = _layout(tif, name=name)
        _check_size(layout, most_pixels=most_pixels, name=name)
        if not layout.needs_pillow:
            _check_whole(tif, len(content))
            pixels = _channels_last(tif)
            if layout.is_inverted:
                pixels = np.iinfo(pixels.dtype).max - pixels
            return pixels, layout.orientation
    with TiffImageFile(io.BytesIO(content)) as image:
        image.load()  # applies the orientation
        return np.asarray(convert(image)), 1


def read_indices(content: bytes, *, name: str, most_pixels: int | None) -> tuple[np.ndarray, int]:
    """The same, but of a file with a palette the numbers that it stores."""
    layout = read_layout(io.BytesIO(content), name=name)
    if not layout.has_palette:
        return read_pixels(content, name=name, most_pixels=most_pixels)
    _check_size(layout, most_pixels=most_pixels, name=name)
    with TiffImageFile(io.BytesIO(content)) as image:
        image.load()
        return np.asarray(image), 1


def _check_size(layout: TiffLayout, *, most_pixels: int | None, name: str) -> None:
    width, height = layout.size
    if most_pixels is not None and (
        width * height > most_pixels or width * height * layout.channels > most_pixels * MOST_VALUES // MOST_PIXELS
    ):
        raise DatasetError(
            f"{name}: announces {width}x{height} pixels of {layout.channels} channels, where {most_pixels} pixels of 4 "
            "are the most"
        )


def convert(image: Image.Image) -> Image.Image:
    """A decoded image of Pillow as L, LA, RGB or RGBA, of 8 bits."""
    if image.has_transparency_data:
        return image.convert("LA" if image.mode in ("L", "LA", "La", "1") else "RGBA")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _layout(tif: Any, *, name: str) -> TiffLayout:
    page = _first_page(tif, name=name)
    photometric, bits = int(page.photometric), page.bitspersample
    if photometric not in _KNOWN:
        raise DatasetError(f"{name}: has colours of the kind {page.photometric!s}; save it as grey or RGB")
    is_small = bits < 8
    needs_pillow = photometric in _CONVERTED or is_small
    if needs_pillow and bits > 8:
        raise DatasetError(f"{name}: has {page.photometric!s} colours of {bits} bits; save it as grey or RGB")
    channels, has_alpha = _channels(tif, page, photometric)
    dtype = "uint8" if is_small else check_dtype("unknown" if page.dtype is None else page.dtype.name, name=name)
    orientation = _orientation(page)
    is_inverted = photometric == _MIN_IS_WHITE
    if is_inverted and dtype == "float32":
        raise DatasetError(f"{name}: says that 0 is white, of float values; save it with 0 as black")
    is_simple = (photometric, channels) in ((_MIN_IS_BLACK, 1), (_RGB, 3)) and int(page.planarconfig) == 1
    return TiffLayout(
        size=(page.imagewidth, page.imagelength),
        orientation=orientation,
        channels=channels,
        dtype=dtype,
        has_alpha=has_alpha,
        has_palette=photometric == _PALETTE,
        is_inverted=is_inverted and not needs_pillow,
        is_lossy=int(page.compression) in _LOSSY_COMPRESSIONS,
        is_plain=is_simple and bits == 8 and orientation == 1 and int(page.compression) in _PLAIN_COMPRESSIONS,
        needs_pillow=needs_pillow,
    )


def _first_page(tif: Any, *, name: str) -> Any:
    """The page that holds all of the first image; channels may lie in pages of their own if the file says so."""
    page, first = tif.pages.first, tif.series[0]
    if first.axes not in ("YX", "YXS", "SYX", "CYX"):
        shape = " x ".join(map(str, first.shape))
        raise DatasetError(
            f"{name}: holds {shape} values in {len(tif.pages)} pages; save one page with all channels "
            "(tifffile.imwrite(path, pixels, photometric='minisblack', planarconfig='contig')), or NPY"
        )
    return page


def _channels(tif: Any, page: Any, photometric: int) -> tuple[int, bool]:
    """The number of channels as decoded, and whether the last is alpha."""
    has_alpha = any(int(sample) in (1, 2) for sample in page.extrasamples)
    if photometric in _CONVERTED:
        return 3 + (has_alpha and photometric != _CMYK), has_alpha and photometric != _CMYK
    series = tif.series[0]
    return series.shape[series.axes.index("C")] if "C" in series.axes else page.samplesperpixel, has_alpha


def _orientation(page: Any) -> int:
    tag = page.tags.get(274)
    return tag.value if tag is not None and tag.value in range(1, 9) else 1


def _check_whole(tif: Any, num_bytes: int) -> None:
    for page in tif.series[0].pages:
        ends = (start + count for start, count in zip(page.dataoffsets, page.databytecounts, strict=True))
        if max(ends) > num_bytes:
            raise ValueError("the file is truncated")


def _channels_last(tif: Any) -> np.ndarray:
    series = tif.series[0]
    pixels = series.asarray(maxworkers=1)
    return np.moveaxis(pixels, 0, -1) if series.axes in ("SYX", "CYX") else pixels
