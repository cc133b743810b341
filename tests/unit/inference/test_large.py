"""Large TIFF files and maps: read and written by rows, with what says where they lie."""

import numpy as np
import pytest
import tifffile
import torch

from launch.commands.translate import main
from sharding.errors import DatasetError
from sharding.format.codec.tiff_rows import open_rows, place_tags

PLACE = [
    (33550, 12, 3, (10.0, 10.0, 0.0), True),
    (33922, 12, 6, (0.0, 0.0, 0.0, 5e5, 4.2e6, 0.0), True),
    (34735, 3, 8, (1, 1, 0, 1, 3072, 0, 1, 32633), True),
    (34737, 2, 0, "WGS 84 / UTM zone 33N|", True),
]
KINDS = {
    "strips": {"rowsperstrip": 7},
    "tiles": {"tile": (32, 16)},
    "deflated": {"tile": (16, 16), "compression": "zlib", "predictor": True},
    "lzw": {"rowsperstrip": 16, "compression": "lzw"},
}


def write(path, pixels, *, tags=(), **options):
    photometric = "rgb" if pixels.ndim == 3 else "minisblack"
    tifffile.imwrite(path, pixels, photometric=photometric, metadata=None, extratags=list(tags), **options)


def noise(height, width, *channels, dtype="uint8"):
    most = np.iinfo(dtype).max
    return np.random.default_rng(0).integers(0, most, (height, width, *channels), dtype=dtype, endpoint=True)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_those_of_the_whole(tmp_path, kind):
    write(tmp_path / "x.tif", noise(75, 50, 3), **KINDS[kind])
    whole = tifffile.imread(tmp_path / "x.tif")
    with open_rows(tmp_path / "x.tif") as rows:
        assert rows is not None and rows.size == (50, 75)
        for top, bottom in ((0, 75), (0, 1), (30, 70), (74, 75)):
            np.testing.assert_array_equal(rows.read(top, bottom), whole[top:bottom])


def test_a_damaged_segment_is_told(tmp_path):
    write(tmp_path / "x.tif", noise(64, 64, 3), **KINDS["deflated"])
    with tifffile.TiffFile(tmp_path / "x.tif") as tif:
        begin = tif.pages.first.dataoffsets[5]
    content = bytearray((tmp_path / "x.tif").read_bytes())
    content[begin : begin + 40] = b"\0" * 40
    (tmp_path / "x.tif").write_bytes(content)
    with open_rows(tmp_path / "x.tif") as rows, pytest.raises(DatasetError, match=r"x\.tif: rows 0 to 64 are damaged"):
        assert rows is not None
        rows.read(0, 64)


def test_a_map_stays_where_it_lies_and_tiles_make_no_difference(tiny_run, tmp_path):
    inputs = tmp_path / "in"
    inputs.mkdir()
    write(inputs / "field.tif", noise(90, 70, 3), tags=PLACE, **KINDS["deflated"])
    common = [str(tiny_run.path), "--in", str(inputs), "--dropout", "off"]
    assert main([*common, "--out", str(tmp_path / "whole")]) == 0
    assert main([*common, "--out", str(tmp_path / "tiled"), "--tile", "64", "--overlap", "32"]) == 0
    whole, tiled = (tmp_path / name / "field.tif" for name in ("whole", "tiled"))
    assert place_tags(whole) == place_tags(tiled) == PLACE
    assert tifffile.imread(whole).shape == (90, 70, 3)
    difference = np.abs(tifffile.imread(whole).astype(float) - tifffile.imread(tiled))
    assert difference.mean() < 3


def test_uncertainty_lies_beside_the_mean(tiny_run, tmp_path):
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "a.tif", noise(32, 48, 3))
    command = [str(tiny_run.path), "--in", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    assert main([*command, "--uncertainty", "dropout", "--num", "3"]) == 0
    assert {path.name for path in (tmp_path / "out").glob("[!.]*")} == {"a.png", "a-uncertainty.tif"}
    spread = tifffile.imread(tmp_path / "out" / "a-uncertainty.tif")
    assert spread.shape == (32, 48) and spread.dtype == np.float32
    assert 0 < spread.mean() < 128
    assert torch.from_numpy(spread).isfinite().all()
