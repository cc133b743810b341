"""Scores do not depend on how many ranks share the images."""

from pathlib import Path

import pytest
import torch

from sharding.format.manifest_file import read_manifest
from tests.distributed.launcher import run_ranks
from tests.tiny_run import tiny_config, write_map_dataset, write_tiny_run
from trainer.evaluation.evaluate import evaluate_split
from trainer.evaluation.samples import SamplePictures
from trainer.inference.translator import load_translator
from trainer.ranks.world import World, lone_world
from trainer.runs.rundir import RunDir


def evaluate_and_draw(world: World, run: RunDir, picture: Path) -> dict[str, float]:
    config = run.config()
    manifest = read_manifest(config.data.path)
    translator, _ = load_translator(run, device=world.device)
    SamplePictures(config=config, manifest=manifest, world=world).draw(translator, picture)
    return evaluate_split(translator, config=config, manifest=manifest, split="test", world=world)


def test_two_ranks_find_the_scores_of_one(tmp_path: Path) -> None:
    """Three test images, so the ranks' parts differ; dropout and batch statistics are at work."""
    write_map_dataset(tmp_path / "maps")
    run = RunDir(tmp_path / "run")
    write_tiny_run(run, tiny_config(tmp_path / "maps"))
    alone = evaluate_and_draw(lone_world(torch.device("cpu")), run, tmp_path / "one.png")
    first, second = run_ranks(evaluate_and_draw, 2, run, tmp_path / "two.png")
    assert first == second
    # Ranks have fewer threads, and convolutions other last digits: a few pixels are rounded the other way.
    assert first == pytest.approx(alone, rel=1e-3)
    assert (tmp_path / "two.png").is_file()
