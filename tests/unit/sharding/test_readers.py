"""The shards are plain WebDataset: webdataset and DALI read them as they are."""

from pathlib import Path

import numpy as np
import pytest

from tests.unit.sharding.files import Run, read_tars


@pytest.fixture
def dataset(pairs: Path, tmp_path: Path, shard: Run) -> Path:
    assert shard("pairs", "--folder", pairs, "--out", tmp_path / "out", "--shard-samples", 4)[0] == 0
    return tmp_path / "out"


def test_webdataset_reads_them(dataset: Path) -> None:
    import webdataset as wds

    shards = [str(path) for path in sorted(dataset.glob("train/*.tar"))]
    found = {f"train/{s['__key__']}": s for s in wds.WebDataset(shards, shardshuffle=False).decode("rgb8")}
    expected = {name: members for name, members in read_tars(dataset).items() if name.startswith("train")}
    assert list(found) == list(expected)
    for name, members in expected.items():
        for extension, image in members.items():
            np.testing.assert_array_equal(found[name][extension], np.asarray(image))


def test_dali_reads_them_with_our_index(dataset: Path) -> None:
    from nvidia.dali import fn, pipeline_def

    tars = sorted(map(str, dataset.glob("train/*.tar")))
    indices = sorted(map(str, dataset.glob("train/*.idx")))

    @pipeline_def(batch_size=10, num_threads=1, device_id=None)
    def pipeline():
        a, b = fn.readers.webdataset(paths=tars, index_paths=indices, ext=["a.png", "b.png"])
        return fn.decoders.image(a, device="cpu"), fn.decoders.image(b, device="cpu")

    pipe = pipeline()
    pipe.build()
    outputs = pipe.run()
    expected = [members for name, members in read_tars(dataset).items() if name.startswith("train")]
    for position, extension in enumerate(("a.png", "b.png")):
        for index, members in enumerate(expected):
            np.testing.assert_array_equal(outputs[position].at(index), np.asarray(members[extension]))
