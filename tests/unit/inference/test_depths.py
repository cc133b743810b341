"""Each depth from and to each kind of file: the values that were meant, or a message that says why not."""

import tarfile
from contextlib import nullcontext

import nibabel
import numpy as np
import pytest
import tifffile
import torch

from sharding.format.codec.decoding import decode
from sharding.format.codec.encoding import encode
from sharding.format.manifest import View
from trainer.config.data import DataConfig
from trainer.inference.events import Failed, Written
from trainer.inference.manner import PLAIN
from trainer.inference.media.job import Job
from trainer.inference.media.kinds import result_name
from trainer.inference.operation import Operation
from trainer.inference.shards.listing import list_shards
from trainer.inference.work import Work
from trainer.pictures.kinds import result_suffix

RANGES = {"uint8": (0.0, 255.0), "uint16": (0.0, 65535.0), "float32": (-1.0, 1.0)}
LEVELS = {"uint8": 255, "uint16": 65535}
ENDINGS = {"uint8": "png", "uint16": "png", "float32": "npy"}


def values(dtype):
    drawn = np.random.default_rng(0).random((20, 30), np.float32)
    return drawn * 2 - 1 if dtype == "float32" else (drawn * LEVELS[dtype]).round().astype(dtype)


def write(path, pixels):
    """By the kind that the name tells; of stacks and volumes two planes."""
    if path.name.endswith(".ome.tif"):
        tifffile.imwrite(path, np.stack([pixels] * 2), ome=True, metadata={"axes": "ZYX"})
    elif path.name.endswith(".nii.gz"):
        nibabel.save(nibabel.Nifti1Image(np.stack([pixels] * 2, axis=2), np.eye(4)), path)
    elif path.suffix == ".tar":
        content = path.with_name(f"x.{'tiff' if pixels.dtype == np.float32 else 'png'}")
        content.write_bytes(encode(pixels[:, :, None], content.suffix[1:]))
        with tarfile.open(path, "w") as archive:
            archive.add(content, content.name)
    else:
        path.write_bytes(encode(pixels[:, :, None], "tiff" if path.suffix == ".tif" else path.suffix[1:]))


def read(path):
    """Of one channel: (H, W), of the first plane."""
    if path.name.endswith(".nii.gz"):
        return np.asarray(nibabel.load(path).dataobj)[:, :, 0]
    if path.name.endswith(".ome.tif"):
        return tifffile.imread(path)[0]
    return decode(path.read_bytes(), name="it")[:, :, 0]


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.npy", "x.ome.tif", "x.nii.gz", "x.tar"])
@pytest.mark.parametrize("stored", RANGES)
@pytest.mark.parametrize("wanted", RANGES)
def test_values_are_those_that_were_meant(tmp_path, name, stored, wanted):
    if (name, stored) == ("x.png", "float32"):
        pytest.skip("no such file")
    file = tmp_path / name
    pixels = values(stored)
    write(file, pixels)
    view = View(extension=f"x.{ENDINGS[wanted]}", channels=1, dtype=wanted, value_range=RANGES[wanted])
    listing = list_shards(file, split=None, view=None, wanted="x", data=DataConfig()) if name == "x.tar" else None
    source = file if listing is None else listing.members[0]
    suffix = result_suffix(view)
    target = tmp_path / "out" / (f"x{suffix}" if listing is not None else result_name(file, suffix=suffix))
    events = []
    work = Work(
        operation=Operation(apply=lambda image: image, source=view, result=view, stride=1, side=None),
        job=Job(networks=[], manner=PLAIN, classes=[], device=torch.device("cpu")),
        noise=lambda target: nullcontext(),
        noises=lambda targets: nullcontext(),
        tell=events.append,
    )
    work.do(source, [target], own={})
    failed = [event.reason for event in events if isinstance(event, Failed)]
    if stored != wanted and "float32" in (stored, wanted):
        assert len(failed) == 1 and f"has values of {stored}, and the run's view of {wanted}" in failed[0]
        assert not target.exists()
        return
    assert not failed and any(isinstance(event, Written) for event in events)
    made = read(target)
    scale = LEVELS.get(wanted, 1) / LEVELS.get(stored, 1)
    assert made.dtype == wanted
    np.testing.assert_allclose(made, pixels * scale, atol=0.51 if scale < 1 else 1e-6)
