"""`diptych train --from`: a run that begins with another's weights, on one rank and on two, as its user sees it."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.shrink import shrink
from trainer.checkpoints.layout import EMA_FILE, latest_checkpoint
from trainer.engine.stored_weights import read_weights
from trainer.loop.setup import open_trainer
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.presets import DEFAULT, load_preset
from trainer.ranks.world import init_world
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

pytestmark = pytest.mark.slow

PATIENCE_S = 120


def diptych(*arguments: str | Path, here: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "launch.cli", *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "400"}
    return subprocess.run(
        command, check=False, cwd=here, env=environment, capture_output=True, text=True, timeout=PATIENCE_S
    )


def flags(dataset: Path, runs: Path) -> list[str | Path]:
    """The default preset as small as `shrink` makes it: 2 steps."""
    config = shrink(load_preset(DEFAULT), dataset=dataset)
    assert isinstance(config.method, Pix2PixConfig)
    generator, discriminator = config.method.generator, config.method.discriminator
    return [
        *("--data.path", dataset, "--data.view-a", "a", "--data.view-b", "b", "--data.load-size", "36"),
        *("--data.crop-size", "32", "--data.num-threads", "1", "--engine.device", "cpu", "--engine.precision", "fp32"),
        *("--method.generator.num-filters", str(generator.num_filters)),
        *("--method.generator.num-downs", str(generator.num_downs)),
        *("--method.discriminator.num-filters", str(discriminator.num_filters)),
        *("--method.discriminator.num-layers", str(discriminator.num_layers)),
        *("--train.batch-size-per-gpu", "4", "--train.total-kimg", "0.008", "--log.wandb", "disabled", "--runs", runs),
    ]


@pytest.fixture(scope="module")
def source(tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    run, config = RunDir(tmp_path_factory.mktemp("runs") / "source"), shrink(load_preset(DEFAULT), dataset=tiny_dataset)
    run.create(replace(config, train=replace(config.train, total_kimg=0.008)), preset=DEFAULT, command=[])
    trainer = open_trainer(open_run(run), world=init_world("cpu"), to_console=False)
    trainer.train()
    trainer.close()
    return run


RATE_OF_NONE = ("--optimizer.lr", "1e-30")
"""With which a run ends as it began: the averages, too, which begin with the weights as they train."""


def assert_generator_is_the_sources(run: RunDir, source: RunDir) -> None:
    before, after = latest_checkpoint(source.checkpoints), latest_checkpoint(run.checkpoints)
    assert before is not None
    assert after is not None
    player = "generator/state/mp_rank_00_model_states.pt"
    there = torch.load(before / player, weights_only=False)["module"]
    here = torch.load(after / EMA_FILE, weights_only=True)["generator"]
    for name, value in here.items():
        if "running_" not in name and "num_batches" not in name:
            assert torch.equal(value, there[f"networks.generator.{name}"]), name


def test_weights_at_the_start_are_the_sources_on_all_ranks(source: RunDir, tiny_dataset: Path, tmp_path: Path) -> None:
    asked = ["--from", source.path, "--name", "next", *RATE_OF_NONE, "--num-procs", "2"]
    done = diptych("train", *flags(tiny_dataset, tmp_path), *asked, here=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_generator_is_the_sources(RunDir(tmp_path / "next"), source)
    origin = json.loads((tmp_path / "next" / "run.json").read_text())["from"]
    assert origin["path"] == str(source.path)
    assert origin["position"] == 8
    assert origin["fresh"] == {}
    assert done.stdout.count("begins with weights of ") == 1


def test_what_does_not_fit_is_told_and_what_is_no_run_starts_nothing(
    source: RunDir, tiny_dataset: Path, tmp_path: Path
) -> None:
    same = flags(tiny_dataset, tmp_path)
    done = diptych("train", *same, "--from", tmp_path / "nowhere", "--name", "next", here=tmp_path)
    assert done.returncode == 2
    assert "from = " in done.stderr
    assert list(tmp_path.iterdir()) == []
    other = ["--from", source.path, "--name", "next", "--method.discriminator.num-layers", "1", *RATE_OF_NONE]
    done = diptych("train", *same, *other, here=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not taken: discriminator." in done.stdout
    assert "in it" in done.stdout
    assert_generator_is_the_sources(RunDir(tmp_path / "next"), source)


def encoder_of(run: RunDir) -> dict[str, torch.Tensor]:
    newest = latest_checkpoint(run.checkpoints)
    assert newest is not None
    stored = read_weights(newest / "generator", num_ranks=1)
    return {name: value for name, value in stored.items() if name.startswith("generator.encoder.")}


def test_a_run_with_a_checkpoint_needs_its_source_no_more(source: RunDir, tiny_dataset: Path, tmp_path: Path) -> None:
    """Its frozen parts are those of the source, from first to last."""
    copy = shutil.copytree(source.path, tmp_path / "copy")
    asked = ["--from", copy, "--name", "next", "--train.frozen", "generator.encoder", "discriminator.layers.0"]
    done = diptych("train", *flags(tiny_dataset, tmp_path), *asked, here=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.rmtree(copy)
    run = RunDir(tmp_path / "next")
    again = ["train", "--resume", run.path, "--train.total-kimg", "0.012"]
    assert diptych(*again, here=tmp_path).returncode == 0
    before, after = encoder_of(source), encoder_of(run)
    assert before
    assert all(torch.equal(before[name], value) for name, value in after.items() if name.endswith(("weight", "bias")))
    for checkpoint in run.checkpoints.iterdir():
        shutil.rmtree(checkpoint)
    done = diptych(*again, here=tmp_path)
    assert done.returncode == 2
    assert "no checkpoint of its own yet" in done.stderr
