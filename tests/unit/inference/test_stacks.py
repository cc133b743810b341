"""Files of many planes: OME-TIFF, ImageJ's and plain ones; all are translated, and lie where they lay."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile

from launch.commands.translate import main
from sharding.format.manifest_file import read_manifest, write_manifest
from tests.tiny_run import tiny_config, write_map_dataset, write_tiny_run
from trainer.inference.media.kinds import medium_of
from trainer.inference.media.stacks import translate_stack
from trainer.pictures.files import UnreadablePictureError
from trainer.runs.rundir import RunDir

SAID = {
    "PhysicalSizeX": 0.5,
    "PhysicalSizeXUnit": "nm",
    "PhysicalSizeZ": 2.0,
    "PhysicalSizeZUnit": "µm",
    "TimeIncrement": 1.5,
    "Channel": {"Name": ["DAPI", "GFP"]},
}


def noise(*shape, dtype="uint16"):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


@pytest.mark.parametrize("axes", ["TCZYX", "TZCYX", "ZCTYX", "CYX", "YX"])
def test_planes_and_what_is_said_of_them_are_kept(tmp_path, axes):
    lengths = {"T": 2, "C": 2, "Z": 3, "Y": 20, "X": 30}
    pixels = noise(*(lengths[axis] for axis in axes))
    said = SAID if "C" in axes else {name: value for name, value in SAID.items() if name != "Channel"}
    tifffile.imwrite(tmp_path / "x.ome.tif", pixels, ome=True, metadata={"axes": axes, **said})
    assert medium_of(tmp_path / "x.ome.tif") == "stack"
    channels = lengths["C"] if "C" in axes else 1
    told = translate_stack(
        tmp_path / "x.ome.tif",
        tmp_path / "y.tif",
        lambda plane: 65535 - plane,
        channels=channels,
    )
    assert told == ""
    with tifffile.TiffFile(tmp_path / "y.tif") as tif:
        series = tif.series[0]
        assert tif.is_ome and series.dtype == np.uint16
        order = [axes.index(axis) for axis in series.axes]
        np.testing.assert_array_equal(series.asarray(), 65535 - pixels.transpose(order))
        for words in ('PhysicalSizeX="0.5"', 'PhysicalSizeXUnit="nm"', 'PhysicalSizeZ="2.0"', 'TimeIncrement="1.5"'):
            assert words in str(tif.ome_metadata)
        assert all((f'Name="{name}"' in str(tif.ome_metadata)) == ("C" in axes) for name in ("DAPI", "GFP"))


def test_pages_of_any_sizes_and_imagej_are_read(tmp_path):
    with tifffile.TiffWriter(tmp_path / "pages.tif") as writer:
        for height in (20, 20, 24):
            writer.write(noise(height, 30, dtype="uint8"), photometric="minisblack")
    assert medium_of(tmp_path / "pages.tif") == "stack"
    translate_stack(tmp_path / "pages.tif", tmp_path / "y.tif", lambda plane: plane.repeat(3, axis=2), channels=1)
    with tifffile.TiffFile(tmp_path / "y.tif") as tif:
        assert [series.shape for series in tif.series] == [(20, 30, 3), (20, 30, 3), (24, 30, 3)]
    told = {"axes": "ZYX", "spacing": 3, "unit": "um"}
    tifffile.imwrite(tmp_path / "j.tif", noise(5, 20, 30), imagej=True, metadata=told, resolution=(4, 4))
    translate_stack(tmp_path / "j.tif", tmp_path / "y.tif", lambda plane: plane, channels=1)
    with tifffile.TiffFile(tmp_path / "y.tif") as tif:
        np.testing.assert_array_equal(tif.asarray(), noise(5, 20, 30))
        assert 'PhysicalSizeX="0.25" PhysicalSizeXUnit="µm"' in str(tif.ome_metadata)
        assert 'PhysicalSizeZ="3.0"' in str(tif.ome_metadata)


def test_other_channels_than_the_runs_are_told_by_name(tmp_path):
    metadata = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"]}}
    tifffile.imwrite(tmp_path / "x.ome.tif", noise(2, 20, 30), ome=True, metadata=metadata)
    with pytest.raises(UnreadablePictureError, match=r"has 2 channels \(DAPI, GFP\), and the run's view 3"):
        translate_stack(tmp_path / "x.ome.tif", tmp_path / "y.tif", lambda plane: plane, channels=3)
    assert not (tmp_path / "y.tif").exists()
    tifffile.imwrite(tmp_path / "c.tif", noise(20, 30, 3), photometric="rgb")
    assert medium_of(tmp_path / "c.tif") == "picture"


def test_the_command_translates_all_planes_in_16_bits(tmp_path):
    write_map_dataset(tmp_path / "data")
    manifest = read_manifest(tmp_path / "data")
    kind = {"dtype": "uint16", "value_range": (0.0, 65535.0), "renders_classes": False}
    deep = {name: replace(view, **kind) for name, view in manifest.views.items()}
    write_manifest(tmp_path / "data", replace(manifest, views=deep, classes=[]))
    run = RunDir(tmp_path / "run")
    write_tiny_run(run, tiny_config(tmp_path / "data"))
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in" / "x.ome.tif", noise(2, 2, 70, 50), ome=True, metadata={"axes": "TZYX", **SAID})
    for flags in ([], ["--tile", "32", "--overlap", "0"]):
        out = tmp_path / f"out{len(flags)}"
        assert main([str(run.path), "--in", str(tmp_path / "in"), "--out", str(out), "--device", "cpu", *flags]) == 0
        with tifffile.TiffFile(out / "x.ome.tif") as tif:
            assert (tif.series[0].axes, tif.series[0].shape) == ("TZYXS", (2, 2, 70, 50, 3))
            assert tif.series[0].dtype == np.uint16
            assert len({plane.tobytes() for plane in tif.asarray().reshape(4, -1)}) == 4
            assert 'PhysicalSizeX="0.5"' in str(tif.ome_metadata)
