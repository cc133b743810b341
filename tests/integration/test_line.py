"""The whole line through the real command: folder, shards, training on two ranks, evaluate, translate, report."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.pairs import write_pairs
from trainer.logging.jsonl import read_metrics
from trainer.rundir import RunDir

SMALL = {
    "data.view-a": "a",
    "data.view-b": "b",
    "data.load-size": "64",
    "data.crop-size": "64",
    "data.num-threads": "1",
    "method.generator.num-downs": "5",
    "method.generator.num-filters": "8",
    "method.generator.dropout": "0",
    "method.discriminator.num-filters": "8",
    "method.discriminator.num-layers": "2",
    "train.batch-size-per-gpu": "2",
    "train.total-kimg": "0.12",
    "optimizer.lr": "3e-3",
    "log.metrics-kimg": "0.02",
    "log.evaluate-kimg": "0.06",
    "log.samples-kimg": "0.06",
    "log.num-samples": "1",
    "engine.device": "cpu",
    "engine.precision": "fp32",
}


def diptych(*arguments: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "launch.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("line")
    write_pairs(folder / "pairs", num_pairs=30, size=64)
    diptych("shard", "pairs", "--folder", "pairs", "--out", "shards", cwd=folder)
    diptych("shard", "verify", "shards", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> RunDir:
    """Trained by two ranks, with ZeRO 1, started by the command."""
    flags = ["--data.path", "shards", "--name", "tiny", "--num-procs", "2", "--engine.zero-stage", "1"]
    flags += [f"--{name}={value}" for name, value in SMALL.items()]
    said = diptych("train", *flags, cwd=folder)
    assert "report" in said
    return RunDir(folder / "runs" / "tiny")


def test_a_run_leaves_all_that_it_should(run: RunDir):
    assert run.report_file.stat().st_size > 10_000
    assert len(list(run.samples.glob("*.png"))) == 3  # after the first step, and after 60 and 120 images
    metrics = read_metrics(run.metrics_file)
    assert [line["position"] for line in metrics if "loss/generator/l1" in line] == [20, 40, 60, 80, 100, 120]
    assert [line["position"] for line in metrics if "eval/psnr" in line] == [60, 120]
    assert list(run.path.glob("wandb/offline-run-*"))
    assert "psnr" in run.evaluation_file.read_text()


def test_it_learns(run: RunDir):
    """In 120 images of turned and inverted colours: the L1 term falls by more than a third."""
    l1 = [line["loss/generator/l1"] for line in read_metrics(run.metrics_file) if "loss/generator/l1" in line]
    assert l1[-1] < 0.67 * l1[0], l1


def test_evaluate_repeats_the_scores_of_the_end(run: RunDir, folder: Path):
    before = json.loads(run.evaluation_file.read_text())["test"]["scores"]
    diptych("evaluate", run.path, cwd=folder)
    after = json.loads(run.evaluation_file.read_text())["test"]["scores"]
    assert after == pytest.approx(before, rel=1e-3)


def test_translate_takes_any_size(run: RunDir, folder: Path):
    sizes = {"small.png": (20, 30), "odd.jpg": (101, 77), "wide.png": (200, 40)}
    (folder / "in").mkdir()
    for name, size in sizes.items():
        Image.linear_gradient("L").resize(size).convert("RGB").save(folder / "in" / name)
    diptych("translate", run.path, "--in", "in", "--out", "out", cwd=folder)
    made = {path.stem: Image.open(path).size for path in (folder / "out").glob("*.png")}
    assert made == {Path(name).stem: size for name, size in sizes.items()}
