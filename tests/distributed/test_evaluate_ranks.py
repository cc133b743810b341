"""Scores do not depend on how many ranks share the images."""

from pathlib import Path

import pytest
import torch

from sharding.format.manifest_file import read_manifest
from tests.distributed.launcher import run_ranks
from tests.scores import COLOR_DISTANCE
from tests.tiny_run import tiny_config, write_map_dataset, write_tiny_run
from tests.unit.data.tiny_shards import SIDE, write_unpaired_dataset
from trainer.config import CycleGANConfig, DataConfig, GeneratorConfig, PatchGANConfig, RunConfig
from trainer.evaluation.evaluate import evaluate_split
from trainer.evaluation.samples import SamplePictures
from trainer.evaluation.scores import SCORES
from trainer.inference.translator import Translator, load_translator
from trainer.methods.base import Networks
from trainer.ranks.world import World, lone_world
from trainer.runs.rundir import RunDir


def evaluate_and_draw(world: World, run: RunDir, picture: Path) -> dict[str, float]:
    config = run.config()
    manifest = read_manifest(config.data.path)
    translator, _ = load_translator(run, device=world.device)
    SamplePictures(config=config, manifest=manifest, world=world).draw(translator, picture)
    return evaluate_split(translator, config=config, manifest=manifest, split="test", world=world)


class Negative:
    """A method without networks."""

    def translate(self, networks: Networks, image: torch.Tensor) -> torch.Tensor:
        return -image


def evaluate_unpaired(world: World, folder: Path) -> dict[str, float]:
    """With one metric more, which keeps something of each image."""
    SCORES[COLOR_DISTANCE.name] = COLOR_DISTANCE
    try:
        method = CycleGANConfig(generator=GeneratorConfig(num_downs=3), discriminator=PatchGANConfig(num_layers=1))
        data = DataConfig(path=folder, view_a="photo", view_b="map", load_size=SIDE, crop_size=SIDE)
        translator = Translator(Negative(), Networks({}, {}), torch.contiguous_format)  # pyright: ignore
        config = RunConfig(method=method, data=data)
        return evaluate_split(translator, config=config, manifest=read_manifest(folder), split="test", world=world)
    finally:
        del SCORES[COLOR_DISTANCE.name]


def evaluate_both(
    world: World, run: RunDir, picture: Path, unpaired: Path
) -> tuple[dict[str, float], dict[str, float]]:
    return evaluate_and_draw(world, run, picture), evaluate_unpaired(world, unpaired)


def test_two_ranks_find_the_scores_of_one(tmp_path: Path) -> None:
    """Three test images, so the ranks' parts differ; dropout and batch statistics are at work. Likewise the unpaired
    ones, three photos and four maps, of which sets are compared.
    """
    write_map_dataset(tmp_path / "maps")
    run = RunDir(tmp_path / "run")
    write_tiny_run(run, tiny_config(tmp_path / "maps"))
    write_unpaired_dataset(tmp_path / "unpaired")
    folders = (run, tmp_path / "two.png", tmp_path / "unpaired")
    alone, alone_unpaired = evaluate_both(lone_world(torch.device("cpu")), *folders)
    (first, unpaired), (second, second_unpaired) = run_ranks(evaluate_both, 2, *folders)
    assert first == second
    assert unpaired == second_unpaired
    assert unpaired == pytest.approx(alone_unpaired, rel=1e-12)
    assert len(unpaired) == 3  # the translation and two baselines
    # Ranks have fewer threads, and convolutions other last digits: a few pixels are rounded the other way.
    assert first == pytest.approx(alone, rel=1e-3)
    assert (tmp_path / "two.png").is_file()
