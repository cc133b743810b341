"""The loader that ours is timed against does the same work: the same crops of the same images in the same order."""

import pytest

from benchmarks.loader import PillowPairs, Work, diptych
from sharding.manifest import read_manifest
from tests.unit.data.tiny_shards import SIDE


@pytest.mark.parametrize("load_size", [SIDE, 29])
def test_pillow_and_torchvision_make_the_same_batches(noisy, load_size):
    work = Work(
        title="", folder=noisy, views=("photo", "lossy"), load_size=load_size, crop_size=16, batch_size=4, num_workers=1
    )
    pairs = PillowPairs(work, read_manifest(noisy))
    batches = diptych(work)
    for start in (0, 4, 8, 12, 16):
        batch = next(batches)
        for row in range(4):
            for ours, theirs in zip(batch, pairs[start + row], strict=True):
                assert (ours[row] - theirs).abs().max() * 127.5 < 1.01
    batches.close()
