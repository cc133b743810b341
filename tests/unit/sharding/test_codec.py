"""One definition of what an image file holds, over all types, numbers of channels and formats."""

import io
import zlib
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from sharding.errors import DatasetError
from sharding.format.codec import decode, decode_indices, encode, read_header
from sharding.format.codec.encoding import can_encode

FORMATS = ("jpg", "png", "webp", "tiff", "npy")
DTYPES = ("uint8", "uint16", "float32")
POSSIBLE = [
    (format, dtype, channels)
    for format, dtype, channels in product(FORMATS, DTYPES, (1, 2, 3, 4, 5, 13))
    if can_encode(format, dtype=dtype, channels=channels)
]


def pixels_of(dtype: str, channels: int) -> np.ndarray:
    """(24, 40, C): smooth, so that lossy formats stay near, and using the whole range of the type."""
    rows, columns = np.mgrid[:24, :40]
    waves = [np.sin((rows * (c + 1) + columns) / 9) for c in range(channels)]
    unit = (np.stack(waves, axis=2) + 1) / 2
    if dtype == "float32":
        return (unit * 1e5 - 5e4).astype(np.float32)
    return (unit * np.iinfo(dtype).max).round().astype(dtype)


def photo() -> Image.Image:
    return Image.fromarray(pixels_of("uint8", 3))


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def tiff_of(pixels: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


def check_header(content: bytes, folder: Path) -> np.ndarray:
    """The decoded pixels, which must be what the header promises."""
    path = folder / "image"
    path.write_bytes(content)
    header, pixels = read_header(path), decode(content, name="image")
    assert (*header.size[::-1], header.channels) == pixels.shape
    assert header.dtype == pixels.dtype
    assert header.num_bytes == len(content)
    assert pixels.flags.c_contiguous
    assert pixels.dtype.isnative
    return pixels


def test_most_kinds_of_image_have_a_format() -> None:
    assert len(POSSIBLE) == 2 + 8 + 2 + 18 + 18


@pytest.mark.parametrize(("format", "dtype", "channels"), POSSIBLE)
def test_round_trip(format: Any, dtype: str, channels: int, tmp_path: Path) -> None:
    original = pixels_of(dtype, channels)
    content = encode(original, format)
    assert content == encode(original.copy(), format)
    decoded = check_header(content, tmp_path)
    header = read_header(tmp_path / "image")
    assert header.format == format
    assert header.is_lossy == (format in ("jpg", "webp"))
    assert header.is_plain == (format != "npy" and dtype == "uint8" and channels in (1, 3))
    if header.is_lossy:
        assert np.abs(decoded.astype(int) - original).max() < 32
    else:
        np.testing.assert_array_equal(decoded, original)


@pytest.mark.parametrize(("format", "dtype", "channels"), [case for case in POSSIBLE if case[2] < 5])
def test_a_truncated_file_is_an_error(format: Any, dtype: str, channels: int) -> None:
    content = encode(pixels_of(dtype, channels), format)
    for length in [*range(0, len(content), len(content) // 12), len(content) - 2]:
        with pytest.raises(DatasetError, match=r"^part\.x: "):
            decode(content[:length], name="part.x")


def test_a_jpeg_whose_rest_is_zeros_is_an_error() -> None:
    content = saved(photo().resize((400, 240)), "JPEG")
    half = len(content) // 2
    with pytest.raises(DatasetError, match=r"photo\.jpg: .*truncated"):
        decode(content[:half] + bytes(half), name="photo.jpg")


@pytest.mark.parametrize(
    ("format", "dtype", "channels", "able"),
    [("jpg", "uint16", 1, "png, tiff, npy"), ("png", "uint8", 5, "tiff, npy"), ("webp", "uint8", 1, "jpg, png, ")],
)
def test_the_message_names_formats_that_can(format: Any, dtype: str, channels: int, able: str) -> None:
    with pytest.raises(ValueError, match=f"{channels} channels of {dtype} do not fit into {format}; use {able}"):
        encode(pixels_of(dtype, channels), format)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_turns_the_image(format: str, orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"tiffinfo": {0x0112: orientation}} if format == "TIFF" else {"exif": exif}
    content = saved(photo(), format, **options)
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        upright = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(check_header(content, tmp_path), upright)
    assert read_header(tmp_path / "image").is_plain == (orientation == 1)


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(format: str, tmp_path: Path) -> None:
    content = saved(photo().convert("CMYK"), format, **({"quality": 95} if format == "JPEG" else {}))
    decoded = check_header(content, tmp_path)
    assert np.abs(decoded.astype(int) - np.asarray(photo())).max() < 32
    assert not read_header(tmp_path / "image").is_plain


@pytest.mark.parametrize("format", ["PNG", "TIFF", "BMP"])
def test_a_palette_becomes_colours_or_stays_indices(format: str, tmp_path: Path) -> None:
    image = photo().quantize(8)
    content = saved(image, format)
    np.testing.assert_array_equal(check_header(content, tmp_path), np.asarray(image.convert("RGB")))
    np.testing.assert_array_equal(decode_indices(content, name="image")[:, :, 0], np.asarray(image))
    header = read_header(tmp_path / "image")
    assert header.has_palette
    assert not header.is_plain


@pytest.mark.parametrize(("mode", "transparency", "channels"), [("L", 5, 2), ("RGB", (1, 2, 3), 4), ("P", 3, 4)])
def test_a_transparent_colour_is_alpha(mode: str, transparency: Any, channels: int, tmp_path: Path) -> None:
    content = saved(photo().convert(mode), "PNG", transparency=transparency)
    assert check_header(content, tmp_path).shape[2] == channels
    assert read_header(tmp_path / "image").has_alpha


def test_colours_are_no_class_numbers() -> None:
    for pixels in (pixels_of("uint8", 3), pixels_of("float32", 1)):
        with pytest.raises(DatasetError, match=r"mask\.tif: has . channels of .*class numbers are one"):
            decode_indices(encode(pixels, "tiff"), name="mask.tif")
    numbers = pixels_of("uint16", 1)
    np.testing.assert_array_equal(decode_indices(encode(numbers, "png"), name="mask.png"), numbers)


@pytest.mark.parametrize(
    "options",
    [
        {"planarconfig": "separate", "photometric": "minisblack"},
        {"metadata": {"axes": "CYX"}, "ome": True, "photometric": "minisblack"},
        {"metadata": {"axes": "CYX"}, "imagej": True},
        {"planarconfig": "separate", "photometric": "minisblack", "tile": (16, 16), "compression": "lzw"},
        {"planarconfig": "separate", "photometric": "minisblack", "byteorder": ">", "bigtiff": True},
    ],
)
def test_tiff_of_planes(options: dict[str, Any], tmp_path: Path) -> None:
    pixels = pixels_of("uint16", 5)
    content = tiff_of(np.moveaxis(pixels, 2, 0).copy(), **options)
    np.testing.assert_array_equal(check_header(content, tmp_path), pixels)


def test_tiff_whose_zero_is_white(tmp_path: Path) -> None:
    pixels = pixels_of("uint16", 1)
    content = tiff_of(65535 - pixels[:, :, 0], photometric="miniswhite")
    np.testing.assert_array_equal(check_header(content, tmp_path), pixels)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (tiff_of(np.zeros((4, 5), np.int32)), "int32; save it as uint8"),
        (tiff_of(np.zeros((4, 5), np.complex64)), "complex64; save real"),
        (tiff_of(np.zeros((4, 5, 6), np.uint8), photometric="minisblack"), "4 pages; save one page"),
        (b"no image at all" * 9, "is no image"),
        (b"", ""),
    ],
)
def test_what_cannot_be_stored_is_an_error_with_a_remedy(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.png"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=rf"odd\.png: .*{reason}"):
        read_header(path)
    with pytest.raises(DatasetError, match=rf"^odd\.png: .*{reason}"):
        decode(content, name="odd.png")


def test_other_pictures_are_decoded_but_not_stored(tmp_path: Path) -> None:
    content = saved(photo().quantize(16), "GIF")
    (tmp_path / "a.gif").write_bytes(content)
    with pytest.raises(DatasetError, match="is a GIF file; save it as PNG"):
        read_header(tmp_path / "a.gif")
    np.testing.assert_array_equal(decode(content, name="a.gif"), np.asarray(photo().quantize(16).convert("RGB")))


def test_no_number_is_an_error() -> None:
    for value in (np.nan, np.inf):
        with pytest.raises(DatasetError, match=r"depth\.tif: holds NaN"):
            decode(encode(np.full((4, 5), value, np.float32), "tiff"), name="depth.tif")


def test_the_header_tells_an_absurd_size(tmp_path: Path) -> None:
    """Of a file that would not fit into memory; what to do about it is the caller's business."""
    path = tmp_path / "bomb.png"
    content = bytearray(encode(pixels_of("uint8", 1), "png"))
    content[16:24] = (60_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    path.write_bytes(content)
    assert read_header(path).size == (60_000, 60_000)


def test_lossless_webp_is_told_from_lossy(tmp_path: Path) -> None:
    alpha = photo().convert("RGBA")
    alpha.putalpha(100)
    for image, lossless in product((photo(), alpha), (False, True)):
        check_header(saved(image, "WEBP", lossless=lossless), tmp_path)
        assert read_header(tmp_path / "image").is_lossy != lossless
