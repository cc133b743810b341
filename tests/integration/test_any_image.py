"""Images that no picture viewer shows: 16 bits of one channel to float values of five, through the real command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from sharding.format.codec.decoding import decode
from sharding.format.codec.encoding import encode

RANGE = (-2.0, 3.0)
HEIGHT, WIDTH = 40, 48
SPLITS = (*["train"] * 5, "val", "test", "test")
FLAGS = {
    "data.view-a": "depth",
    "data.view-b": "bands",
    "data.crop-size": ["32", "48"],
    "data.resize": "none",
    "data.num-threads": "1",
    "method.generator.num-downs": "4",
    "method.generator.num-filters": "4",
    "method.discriminator.num-filters": "4",
    "method.discriminator.num-layers": "1",
    "train.batch-size-per-gpu": "2",
    "train.total-kimg": "0.004",
    "evaluate.period-kimg": "0.004",
    "samples.period-kimg": "0.004",
    "samples.num-rows": "1",
    "engine.device": "cpu",
    "engine.precision": "fp32",
}


def diptych(*arguments: str | Path, cwd: Path) -> str:
    """What it said."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "launch.cli", *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def depth(number: int) -> np.ndarray:
    """uint16 (H, W, 1), of which 8 bits would leave next to nothing: a few hundred neighbouring values."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return (30_000 + 3 * columns + 2 * rows + 10 * number).astype(np.uint16)[:, :, None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run, and what it made of two files."""
    folder = tmp_path_factory.mktemp("any")
    for name in ("in", *(f"{side}/{split}" for side in "ab" for split in set(SPLITS))):
        (folder / name).mkdir(parents=True)
    for number, split in enumerate(SPLITS):
        pixels = depth(number)
        bands = np.concatenate([pixels / 1000.0 - 30 + band for band in range(5)], axis=2).astype(np.float32)
        (folder / "a" / split / f"{number}.png").write_bytes(encode(pixels, "png"))
        (folder / "b" / split / f"{number}.tif").write_bytes(encode(bands.clip(*RANGE), "tiff"))
    views = ["--view-a", "depth", "--view-b", "bands", "--value-range", "bands=-2:3", "--out", "shards"]
    diptych("shard", "folders", "--a", "a", "--b", "b", *views, cwd=folder)
    diptych("shard", "verify", "shards", cwd=folder)
    flags = [
        part for name, value in FLAGS.items() for part in (f"--{name}", *([value] if isinstance(value, str) else value))
    ]
    diptych("train", "--data.path", "shards", "--name", "deep", *flags, cwd=folder)
    tifffile.imwrite(folder / "in" / "tile.tif", depth(3)[:, :, 0])
    (folder / "in" / "plain.npy").write_bytes(encode(depth(4)[:20, :30], "npy"))
    return folder


def test_shards_hold_what_the_files_held(folder: Path):
    views = json.loads((folder / "shards" / "dataset.json").read_text())["views"]
    assert (views["depth"]["dtype"], views["depth"]["channels"]) == ("uint16", 1)
    assert (views["bands"]["dtype"], views["bands"]["channels"]) == ("float32", 5)
    assert tuple(views["bands"]["value_range"]) == RANGE


def test_it_is_scored_and_shown(folder: Path):
    scores = json.loads((folder / "runs" / "deep" / "evaluation.json").read_text())["splits"]["test"]["scores"]
    assert np.isfinite([scores["eval/psnr"], scores["eval/ssim"], scores["baseline/mean/psnr"]]).all()
    assert (folder / "runs" / "deep" / "evaluation.png").is_file()
    assert (folder / "runs" / "deep" / "report.html").is_file()


def test_translations_have_the_type_of_the_target(folder: Path):
    diptych("translate", "runs/deep", "--in", "in", "--out", "out", cwd=folder)
    made = {path.name: decode(path.read_bytes(), name=path.name) for path in sorted((folder / "out").glob("[!.]*"))}
    assert {name: (pixels.shape, str(pixels.dtype)) for name, pixels in made.items()} == {
        "plain.npy": ((20, 30, 5), "float32"),
        "tile.npy": ((HEIGHT, WIDTH, 5), "float32"),
    }
    for pixels in made.values():
        assert pixels.min() >= RANGE[0]
        assert pixels.max() <= RANGE[1]
        assert pixels.std() > 0
