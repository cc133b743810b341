"""The benchmark of the data plane: the rivals do the same work as ours, and every part of it runs, at tiny size."""

from dataclasses import replace

import pytest

from benchmarks.loading import CONTENDERS, PillowPairs, compare, diptych
from benchmarks.material import write_photos
from benchmarks.stages import shares
from benchmarks.table import median_and_range, ratios
from benchmarks.work import Work
from benchmarks.writing import copy, shard
from sharding.console import markdown_table
from sharding.format.manifest_file import read_manifest
from tests.unit.data.tiny_shards import SIDE

RESIZED = 29


@pytest.fixture
def work(noisy):
    return Work(
        title="Tiny", folder=noisy, views=("photo", "lossy"), load_size=SIDE, crop_size=16, batch_size=4, num_workers=1
    )


@pytest.mark.parametrize("load_size", [SIDE, RESIZED])
def test_pillow_and_torchvision_make_the_same_batches(work, load_size):
    work = replace(work, load_size=load_size)
    pairs = PillowPairs(work, read_manifest(work.folder))
    batches = diptych(work)
    for start in (0, 4, 8, 12, 16):
        batch = next(batches)
        for row in range(4):
            for ours, theirs in zip(batch, pairs[start + row], strict=True):
                assert (ours[row] - theirs).abs().max() * 127.5 < 1.01
    batches.close()


def test_webdataset_makes_batches_like_ours(work):
    streams = [CONTENDERS[name](work) for name in CONTENDERS]
    shapes = [[(tuple(view.shape), view.dtype) for view in next(stream)] for stream in streams]
    assert shapes == [shapes[0]] * len(shapes)
    for stream in streams:
        stream.close()


def test_all_loaders_are_timed_in_turns(work):
    heading, *rest = compare(work, rounds=2, seconds=0.01)
    assert heading == "### Tiny"
    assert [line.split(" | ")[0].removeprefix("| ") for line in rest[-len(CONTENDERS) :]] == list(CONTENDERS)
    assert "**1.00** (1.00 to 1.00)" in rest[-len(CONTENDERS)]


@pytest.mark.parametrize("load_size", [SIDE, RESIZED])
def test_the_stages_sum_up_to_the_whole(work, load_size):
    lines = shares(replace(work, load_size=load_size), rounds=1, batches=2)
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    costs = {name: float(cost) for name, cost, _ in cells}
    whole = costs.pop("whole")
    assert whole > 0
    assert sum(costs.values()) == pytest.approx(whole, abs=0.003)
    assert ("decode the crop" in costs) == (load_size == SIDE)


def test_shards_are_written_against_a_plain_copy(noisy, tmp_path):
    files = tmp_path / "files"
    num_bytes = write_photos(files, data=noisy, view="photo", num_files=12, side=32)
    assert copy(files, tmp_path / "copy") > 0
    assert sum(file.stat().st_size for file in (tmp_path / "copy").iterdir()) == num_bytes
    assert shard(files, tmp_path / "original", "--store", "original", num_workers=1) > 0
    manifest = read_manifest(tmp_path / "original")
    assert sum(map(manifest.num_samples, manifest.splits)) == 12


def test_figures_are_medians_with_their_range():
    assert median_and_range([3, 1, 2], digits=1) == "2.0 (1.0 to 3.0)"
    assert ratios([3, 4, 10], [1, 2, 10]) == "**2.00** (1.00 to 3.00)"
    assert markdown_table(["a", "b"], [["x", "1"]]) == ["| a | b |", "| --- | ---: |", "| x | 1 |"]
