"""The whole line through the real command: folder, shards, training on two ranks, evaluate, translate, report.

And in short that of unpaired images, and that of labelled ones, which are drawn anew.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from launch.cli import main
from tests.pairs import texture, write_pairs
from trainer.monitoring.metrics_file import read_metrics
from trainer.runs.rundir import RunDir

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
    "log.period-kimg": "0.02",
    "evaluate.period-kimg": "0.06",
    "samples.period-kimg": "0.06",
    "samples.num-rows": "1",
    "engine.device": "cpu",
    "engine.precision": "fp32",
}


def start(*arguments: str | Path, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "launch.cli", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )


def finish(process: subprocess.Popen[str]) -> str:
    """What it said."""
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return said


def diptych(*arguments: str | Path, cwd: Path) -> str:
    return finish(start(*arguments, cwd=cwd))


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
    before = json.loads(run.evaluation_file.read_text())["splits"]["test"]["scores"]
    diptych("evaluate", run.path, cwd=folder)
    after = json.loads(run.evaluation_file.read_text())["splits"]["test"]["scores"]
    assert {name: after[name] for name in before} == pytest.approx(before, rel=1e-3)
    more = {f"{whose}/stage_distance/efficientnet-lite0" for whose in ("eval", "baseline/mean", "baseline/identity")}
    assert after.keys() - before.keys() == more


def test_translate_takes_any_size(run: RunDir, folder: Path):
    sizes = {"small.png": (20, 30), "odd.jpg": (101, 77), "wide.png": (200, 40)}
    (folder / "in").mkdir()
    for name, size in sizes.items():
        Image.linear_gradient("L").resize(size).convert("RGB").save(folder / "in" / name)
    diptych("translate", run.path, "--in", "in", "--out", "out", cwd=folder)
    made = {path.stem: Image.open(path).size for path in (folder / "out").glob("*.png")}
    assert made == {Path(name).stem: size for name, size in sizes.items()}


SHORT = {
    "data.load-size": "32",
    "data.crop-size": "32",
    "data.num-threads": "1",
    "method.generator.num-filters": "4",
    "method.discriminator.num-filters": "4",
    "train.batch-size-per-gpu": "4",
    "train.total-kimg": "0.032",
    "log.period-kimg": "0.008",
    "evaluate.period-kimg": "0",
    "samples.num-rows": "1",
    "log.wandb": "disabled",
    "engine.device": "cpu",
    "engine.precision": "fp32",
}


def write_pictures(folder: Path, *, num: int, lightness: tuple[float, float], first: int = 0) -> None:
    """32 px; tones lie between the two values of 0 (black) to 1 (white)."""
    folder.mkdir(parents=True)
    darkest, brightest = lightness
    for number in range(num):
        pixels = darkest + (brightest - darkest) * texture(32, seed=first + number)
        Image.fromarray((pixels * 255).round().astype(np.uint8)).save(folder / f"{number:03d}.png")


def here(*arguments: str | Path) -> None:
    """A command in this process, which has torch already."""
    assert main([str(argument) for argument in arguments]) == 0


@pytest.fixture(scope="module")
def short_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `unpaired` and `labelled`, trained side by side: most of their time they are starting."""
    folder = tmp_path_factory.mktemp("short")
    pictures = folder / "pictures"
    write_pictures(pictures / "dark", num=20, lightness=(0, 0.4))
    write_pictures(pictures / "bright", num=16, lightness=(0.6, 1), first=100)
    splits = ["--val", "0.2", "--test", "0.2"]
    names = ["--view-a", "dark", "--view-b", "bright"]
    kinds = ["--a", pictures / "dark", "--b", pictures / "bright", *names]
    here("shard", "unpaired", *kinds, "--out", folder / "two-views", *splits)
    here("shard", "images", "--folder", pictures, "--labels", "folders", "--out", folder / "one-view", *splits)
    views = ["--data.view-a=dark", "--data.view-b=bright", "--method.discriminator.num-layers=1"]
    view = ["--data.view-a=photo", "--data.view-b=photo", "--data.label=class"]
    options = [f"--{name}={value}" for name, value in SHORT.items()]
    commands = [
        ("unpaired-cyclegan", f"--data.path={folder}/two-views", "--name=unpaired", *views),
        ("glyphs-cgan", f"--data.path={folder}/one-view", "--name=labelled", *view),
    ]
    for process in [start("train", *command, *options, cwd=folder) for command in commands]:
        finish(process)
    return folder / "runs"


def scores_of(run: Path) -> dict[str, float]:
    return json.loads(RunDir(run).evaluation_file.read_text())["splits"]["test"]["scores"]


def pixels_of(folder: Path) -> dict[str, np.ndarray]:
    return {path.stem: np.asarray(Image.open(path)) for path in folder.glob("*.png")}


def test_unpaired_images_are_translated_both_ways(short_runs: Path, tmp_path: Path):
    run = short_runs / "unpaired"
    scores = scores_of(run)
    assert list(scores) == ["eval/round_trip_psnr"]  # the truth is unknown
    here("evaluate", run)
    assert scores_of(run) == pytest.approx(scores, rel=1e-3)
    write_pictures(tmp_path / "in", num=2, lightness=(0, 1), first=200)
    here("translate", run, "--in", tmp_path / "in", "--out", tmp_path / "bright")
    here("translate", run, "--in", tmp_path / "in", "--out", tmp_path / "dark", "--direction", "b2a")
    there, back = pixels_of(tmp_path / "bright"), pixels_of(tmp_path / "dark")
    assert {name: image.shape for name, image in back.items()} == {"000": (32, 32, 3), "001": (32, 32, 3)}
    assert not np.array_equal(there["000"], back["000"])


def test_labelled_images_are_drawn_by_label(short_runs: Path, tmp_path: Path, capsys):
    run = short_runs / "labelled"
    scores = scores_of(run)
    assert set(scores) == {"eval/label_accuracy", "eval/label_accuracy_real", "eval/label_accuracy_chance"}
    assert scores["eval/label_accuracy_real"] > 0.9
    assert scores["eval/label_accuracy_chance"] == 0.5
    here("sample", run, "--out", tmp_path / "both", "--num", "4")
    here("sample", run, "--out", tmp_path / "bright", "--num", "4", "--label", "bright")
    both, bright = pixels_of(tmp_path / "both"), pixels_of(tmp_path / "bright")
    assert set(both) == {"0000", "0001", "0002", "0003", "grid"}
    # Labels in turn are bright, dark, bright, dark: of the same noise every other picture is the same.
    assert [np.array_equal(both[name], bright[name]) for name in ("0000", "0001", "0002", "0003")] == [True, False] * 2
    capsys.readouterr()
    assert main(["sample", str(run), "--out", str(tmp_path / "grey"), "--label", "grey"]) == 2
    assert "label = 'grey': data.label = 'class' has: bright, dark." in capsys.readouterr().err
