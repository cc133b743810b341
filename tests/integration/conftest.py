"""What whole runs of several tests begin with."""

from pathlib import Path

import pytest

from sharding.cli import main as shard
from tests.pairs import write_pairs


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 pairs of 40 px in shards of four, so that the order has shards and windows to shuffle."""
    folder = tmp_path_factory.mktemp("elastic")
    write_pairs(folder / "pairs", num_pairs=24, size=40)
    options = ["--folder", str(folder / "pairs"), "--size", "40", "--shard-samples", "4"]
    assert shard(["pairs", *options, "--out", str(folder / "shards")]) == 0
    return folder / "shards"
