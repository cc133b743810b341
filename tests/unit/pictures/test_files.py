"""Picture files of all kinds."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from sharding.errors import DatasetError
from sharding.format.codec.decoding import decode
from sharding.format.codec.encoding import encode
from sharding.format.manifest import ClassInfo, View
from trainer.pictures.files import UnreadablePictureError, picture_suffixes, read_picture


def view_of(*, channels=3, dtype="uint8", **fields):
    whole = {"uint8": (0.0, 255.0), "uint16": (0.0, 65535.0), "float32": (0.0, 1.0)}
    fields = {"value_range": whole[dtype], **fields}
    return View(extension="x.png", channels=channels, dtype=dtype, **fields)


def read(path, *, channels, dtype="uint8"):
    """As the numbers of a view of so many channels: [H, W] of one, else [H, W, C]."""
    pixels = read_picture(path, view=view_of(channels=channels, dtype=dtype))
    assert pixels.dtype == dtype
    return pixels[:, :, 0] if channels == 1 else pixels


def levels(picture):
    return np.asarray(picture).tolist()


def test_transparent_parts_show_white_paper(tmp_path):
    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert levels(read(tmp_path / "a.png", channels=3)) == [[[10, 20, 30], [255, 255, 255]]]
    assert levels(read(tmp_path / "a.png", channels=1))[0][1] == 255


def test_a_transparent_palette_is_paper_too(tmp_path):
    picture = Image.new("P", (2, 1))
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.putdata([0, 1])
    picture.save(tmp_path / "a.png", transparency=0)
    assert levels(read(tmp_path / "a.png", channels=3)) == [[[255, 255, 255], [255, 0, 0]]]


def test_grey_becomes_rgb_and_rgb_grey(tmp_path):
    Image.fromarray(np.array([[100]], np.uint8)).save(tmp_path / "grey.png")
    assert levels(read(tmp_path / "grey.png", channels=3)) == [[[100, 100, 100]]]
    Image.new("RGB", (1, 1), (255, 0, 0)).save(tmp_path / "red.png")
    assert levels(read(tmp_path / "red.png", channels=1)) == [[76]]  # 0.299 x 255


def test_sixteen_bits_are_scaled_not_cut(tmp_path):
    Image.fromarray(np.array([[0, 257 * 100, 65535]], np.uint16)).save(tmp_path / "deep.png")
    assert levels(read(tmp_path / "deep.png", channels=1)) == [[0, 100, 255]]


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate clockwise to show
    Image.new("RGB", (40, 20)).save(tmp_path / "a.jpg", exif=exif)
    assert read(tmp_path / "a.jpg", channels=3).shape == (40, 20, 3)


@pytest.mark.parametrize(("mode", "reason"), [("I", "int32; save it as uint8"), ("F", "float32.*unknown range")])
def test_values_without_a_range_are_refused(tmp_path, mode, reason):
    Image.new(mode, (4, 4)).save(tmp_path / "a.tif")
    with pytest.raises(UnreadablePictureError, match=reason):
        read(tmp_path / "a.tif", channels=1)


@pytest.mark.parametrize("num_bytes", [0, 10, 400])
def test_a_damaged_file_is_unreadable(tmp_path, num_bytes):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / "a.jpg"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:num_bytes])
    with pytest.raises(UnreadablePictureError, match="cannot be read"):
        read(path, channels=3)


def test_suffixes_are_of_pictures_that_can_be_read():
    assert {".png", ".jpg", ".jpeg", ".webp", ".tif", ".bmp", ".gif"} <= picture_suffixes()
    assert not {".pdf", ".txt", ".zip"} & picture_suffixes()  # Pillow writes PDF and cannot read it


def test_eight_bits_become_sixteen(tmp_path):
    Image.fromarray(np.array([[0, 100, 255]], np.uint8)).save(tmp_path / "a.png")
    assert levels(read(tmp_path / "a.png", channels=1, dtype="uint16")) == [[0, 25700, 65535]]


@pytest.mark.parametrize(
    ("dtype", "channels"), [("uint16", 1), ("uint16", 3), ("uint16", 5), ("float32", 5), ("uint8", 4)]
)
def test_the_type_of_the_view_comes_through(tmp_path, dtype, channels):
    pixels = (np.random.default_rng(0).random((6, 7, channels)) * 250).astype(dtype)
    (tmp_path / "a.tif").write_bytes(encode(pixels, "tiff"))
    np.testing.assert_array_equal(
        read(tmp_path / "a.tif", channels=channels, dtype=dtype).reshape(pixels.shape), pixels
    )


def test_sixteen_bit_colour_on_paper_and_as_grey(tmp_path):
    pixels = np.array([[[1000, 2000, 3000, 65535], [1000, 2000, 3000, 0]]], np.uint16)
    (tmp_path / "a.png").write_bytes(encode(pixels, "png"))
    assert levels(read(tmp_path / "a.png", channels=3, dtype="uint16")) == [[[1000, 2000, 3000], [65535] * 3]]
    assert levels(read(tmp_path / "a.png", channels=1, dtype="uint16")) == [[1815, 65535]]  # 299 + 1174 + 342


def test_bands_are_no_alpha(tmp_path):
    (tmp_path / "a.tif").write_bytes(encode(np.zeros((4, 4, 4), np.uint8), "tiff"))
    with pytest.raises(UnreadablePictureError, match="has 4 channels, and the run's view 3"):
        read(tmp_path / "a.tif", channels=3)


def test_an_absurd_size_is_refused_from_the_header(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (99999, 99999, 1)})
    (tmp_path / "a.npy").write_bytes(header.getvalue())
    with pytest.raises(UnreadablePictureError, match="has 99999x99999 pixels; cut it up"):
        read(tmp_path / "a.npy", channels=1)


def test_class_numbers_become_colours_and_colours_stay(tmp_path):
    classes = [ClassInfo(name="sea", color=(0, 0, 255)), ClassInfo(name="land", color=(0, 255, 0))]
    view = View(extension="c.png", content="classes", channels=1)
    (tmp_path / "a.png").write_bytes(encode(np.array([[0, 1, 255]], np.uint8), "png"))
    colors = [[[0, 0, 255], [0, 255, 0], [0, 0, 0]]]
    assert levels(read_picture(tmp_path / "a.png", view=view, classes=classes)) == colors
    (tmp_path / "b.png").write_bytes(encode(np.array(colors, np.uint8), "png"))
    assert levels(read_picture(tmp_path / "b.png", view=view, classes=classes)) == colors


def test_a_picture_of_billions_of_pixels_is_refused_before_it_is_decoded(tmp_path):
    head = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"tEXt", b"Raw profile type exif\0\nexif\n"), (b"IDAT", zlib.compress(bytes(10**6))))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (*chunks, (b"IEND", b""))
    )
    (tmp_path / "bomb.png").write_bytes(png)
    with pytest.raises(UnreadablePictureError, match="has 60000x60000 pixels; cut it up"):
        read(tmp_path / "bomb.png", channels=3)
    with pytest.raises(DatasetError, match="it: announces 60000x60000 pixels, where 268435456 are the most"):
        decode(png, name="it")


def test_postscript_is_not_handed_to_another_program(tmp_path, monkeypatch):
    def run(*words, **options):
        raise AssertionError(f"runs {words}")

    monkeypatch.setattr("subprocess.check_call", run)
    assert ".eps" not in picture_suffixes()
    text = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 24 24\n%%EndComments\nshowpage\n%%EOF\n"
    (tmp_path / "a.png").write_text(text)
    with pytest.raises(UnreadablePictureError, match="is no image"):
        read(tmp_path / "a.png", channels=3)


def test_types_are_not_converted_where_the_range_is_of_another_scale(tmp_path):
    Image.fromarray(np.array([[0, 100, 255]], np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(UnreadablePictureError, match="with the range 0:4095: which is which is unknown"):
        read_picture(tmp_path / "a.png", view=view_of(channels=1, dtype="uint16", value_range=(0.0, 4095.0)))
    (tmp_path / "b.png").write_bytes(encode(np.array([[0, 100, 255]], np.uint16), "png"))
    with pytest.raises(UnreadablePictureError, match="with the range 0:15"):
        read_picture(tmp_path / "b.png", view=view_of(channels=1, value_range=(0.0, 15.0)))


def test_transparency_is_what_it_was_in_training(tmp_path):
    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(pixels[:, :, :3]).save(tmp_path / "b.png")
    assert levels(read_picture(tmp_path / "a.png", view=view_of(alpha="drop"))) == levels(pixels[:, :, :3])
    keeping = view_of(channels=4, alpha="keep")
    assert levels(read_picture(tmp_path / "a.png", view=keeping)) == levels(pixels)
    assert levels(read_picture(tmp_path / "b.png", view=keeping)) == [[[10, 20, 30, 255]] * 2]
    assert levels(read_picture(tmp_path / "a.png", view=view_of(channels=2, alpha="keep"))) == [[[18, 255], [18, 0]]]
