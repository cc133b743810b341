"""Scores do not depend on how many ranks share the images."""

from pathlib import Path

import pytest
import torch

from tests.distributed.launcher import run_ranks
from tests.scores import COLOR_DISTANCE, cheap_encoder
from tests.tiny_run import subject_of, tiny_config, write_map_dataset, write_tiny_run
from tests.unit.data.tiny_shards import SIDE, UNPAIRED_SHARDS, write_unpaired_dataset
from trainer.config.data import DataConfig
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.evaluation.constant_images import constant_images
from trainer.evaluation.evaluator import SplitEvaluator
from trainer.evaluation.samples import SamplePictures
from trainer.evaluation.scores import SCORES
from trainer.inference.translator import Translator, load_translator
from trainer.methods.base import Networks
from trainer.methods.cyclegan.config import CycleGANConfig
from trainer.ranks.world import World, lone_world
from trainer.runs.config import RunConfig
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir


def evaluate_and_draw(world: World, run: RunDir, picture: Path) -> dict[str, float]:
    opened = open_run(run)
    translator, _ = load_translator(opened, device=world.device)
    SamplePictures(opened.subject, num=2, split="val", seed=0, world=world).draw(translator, picture)
    return SplitEvaluator(opened.subject, seed=0, split="test", world=world)(translator)


def constant_images_of(world: World, run: RunDir) -> list[torch.Tensor]:
    subject = open_run(run).subject
    return [*constant_images(subject, classes=subject.manifest.classes, world=world)]


class Negative:
    """A method without networks."""

    translates_by_chance = False

    def translate(self, networks: Networks, image: torch.Tensor) -> torch.Tensor:
        return -image


def evaluate_unpaired(world: World, folder: Path) -> dict[str, float]:
    """With one metric more, which keeps something of each image, and those by an encoder, which keep more."""
    SCORES[COLOR_DISTANCE.name] = COLOR_DISTANCE
    try:
        method = CycleGANConfig(generator=GeneratorConfig(num_downs=3), discriminator=PatchGANConfig(num_layers=1))
        data = DataConfig(path=folder, view_a="photo", view_b="map", load_size=SIDE, crop_size=SIDE)
        translator = Translator(Negative(), Networks({}, {}), torch.contiguous_format)  # pyright: ignore
        subject = subject_of(RunConfig(method=method, data=data))
        evaluator = SplitEvaluator(subject, seed=0, split="test", world=world, encoder=cheap_encoder())
        return evaluator(translator)
    finally:
        del SCORES[COLOR_DISTANCE.name]


def evaluate_all(
    world: World, run: RunDir, picture: Path, unpaired: Path
) -> tuple[dict[str, float], dict[str, float], list[torch.Tensor], list[torch.Tensor]]:
    """Scores, and the constant images as they are made and as they are found."""
    made, found = constant_images_of(world, run), constant_images_of(world, run)
    return *evaluate_both(world, run, picture, unpaired), made, found


def evaluate_both(
    world: World, run: RunDir, picture: Path, unpaired: Path
) -> tuple[dict[str, float], dict[str, float]]:
    return evaluate_and_draw(world, run, picture), evaluate_unpaired(world, unpaired)


def test_two_ranks_find_the_scores_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three test images, so the ranks' parts differ; dropout and batch statistics are at work. Likewise the unpaired
    ones, 51 photos and 52 maps, of which sets are compared.
    """
    monkeypatch.setitem(UNPAIRED_SHARDS, "test", {"photo": (30, 21), "map": (52,)})
    write_map_dataset(tmp_path / "maps")
    run = RunDir(tmp_path / "run")
    write_tiny_run(run, tiny_config(tmp_path / "maps"))
    write_unpaired_dataset(tmp_path / "unpaired")
    folders = (run, tmp_path / "two.png", tmp_path / "unpaired")
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache-of-one"))
    alone, alone_unpaired, *made = evaluate_all(lone_world(torch.device("cpu")), *folders)
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache-of-two"))
    (first, unpaired, *made_first), (second, second_unpaired, *made_second) = run_ranks(evaluate_all, 2, *folders)
    for found in (*made, *made_first, *made_second):
        assert all(map(torch.equal, found, made[0]))
    assert first == second
    assert unpaired == second_unpaired
    assert unpaired == pytest.approx(alone_unpaired, rel=1e-12)
    assert sum("color_distance" in key for key in unpaired) == 3  # the translation and two baselines
    assert sum("fd/" in key for key in unpaired) == 3  # the translation, the identity and real images
    # Ranks have fewer threads, and convolutions other last digits: a few pixels are rounded the other way.
    assert first == pytest.approx(alone, rel=1e-3)
    assert (tmp_path / "two.png").is_file()
