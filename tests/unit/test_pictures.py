"""Picture files of all kinds."""

import numpy as np
import pytest
from PIL import Image

from trainer.pictures import UnreadablePictureError, picture_suffixes, read_picture


def levels(picture):
    return np.asarray(picture).tolist()


def test_transparent_parts_show_white_paper(tmp_path):
    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert levels(read_picture(tmp_path / "a.png", channels=3)) == [[[10, 20, 30], [255, 255, 255]]]
    assert levels(read_picture(tmp_path / "a.png", channels=1))[0][1] == 255


def test_a_transparent_palette_is_paper_too(tmp_path):
    picture = Image.new("P", (2, 1))
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.putdata([0, 1])
    picture.save(tmp_path / "a.png", transparency=0)
    assert levels(read_picture(tmp_path / "a.png", channels=3)) == [[[255, 255, 255], [255, 0, 0]]]


def test_grey_becomes_rgb_and_rgb_grey(tmp_path):
    Image.fromarray(np.array([[100]], np.uint8)).save(tmp_path / "grey.png")
    assert levels(read_picture(tmp_path / "grey.png", channels=3)) == [[[100, 100, 100]]]
    Image.new("RGB", (1, 1), (255, 0, 0)).save(tmp_path / "red.png")
    assert levels(read_picture(tmp_path / "red.png", channels=1)) == [[76]]  # 0.299 x 255


def test_sixteen_bits_are_scaled_not_cut(tmp_path):
    Image.fromarray(np.array([[0, 257 * 100, 65535]], np.uint16)).save(tmp_path / "deep.png")
    assert levels(read_picture(tmp_path / "deep.png", channels=1)) == [[0, 100, 255]]


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate clockwise to show
    Image.new("RGB", (40, 20)).save(tmp_path / "a.jpg", exif=exif)
    assert read_picture(tmp_path / "a.jpg", channels=3).size == (20, 40)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_values_without_a_range_are_refused(tmp_path, mode):
    Image.new(mode, (4, 4)).save(tmp_path / "a.tif")
    with pytest.raises(UnreadablePictureError, match="unknown range"):
        read_picture(tmp_path / "a.tif", channels=1)


@pytest.mark.parametrize("num_bytes", [0, 10, 400])
def test_a_damaged_file_is_unreadable(tmp_path, num_bytes):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / "a.jpg"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:num_bytes])
    with pytest.raises(UnreadablePictureError, match="cannot be read"):
        read_picture(path, channels=3)


def test_suffixes_are_of_pictures_that_can_be_read():
    assert {".png", ".jpg", ".jpeg", ".webp", ".tif", ".bmp", ".gif"} <= picture_suffixes()
    assert not {".pdf", ".txt", ".zip"} & picture_suffixes()  # Pillow writes PDF and cannot read it
