"""One picture of what several runs make of the same images: whose they are, and that they are those that are scored."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.tiny_run import NUM_SAMPLES, SIDE, sample_views, tiny_config, write_tiny_run
from tests.unit.data.tiny_shards import write_unpaired_dataset
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.data.randomness import seeded
from trainer.evaluation.same_images import draw_same_images
from trainer.inference.translator import Translator, load_translator
from trainer.methods.pixel_gan.config import PixelGANConfig
from trainer.pictures.cells import GAP, HEADER
from trainer.pictures.tensors import from_picture, to_picture
from trainer.runs.opened import OpenRun, open_run
from trainer.runs.rundir import RunDir

CPU = torch.device("cpu")
CELL = 4 * SIDE + GAP
"""Pixels from one cell to the next: images are four times as large."""


@pytest.fixture
def opened(tiny_run: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenRun:
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    return open_run(tiny_run)


def image_in(picture: Image.Image, *, column: int, row: int) -> np.ndarray:
    """(32, 32, 3)."""
    top, left = HEADER + row * CELL, column * CELL
    return np.asarray(picture)[top : top + 4 * SIDE : 4, left : left + 4 * SIDE : 4]


def test_a_column_is_what_a_run_makes_of_the_inputs_as_it_is_scored(
    opened: OpenRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "table.png"
    other = replace(opened, config=replace(opened.config, train=replace(opened.config.train, seed=1)))
    assert draw_same_images({"ours": opened, "another seed": other}, split="test", path=path, device=CPU) == {}
    drawn = Image.open(path)
    assert drawn.size == (4 * CELL - GAP, HEADER + NUM_SAMPLES["test"] * CELL - GAP)
    translator, _ = load_translator(opened, device=CPU)
    for row in range(NUM_SAMPLES["test"]):
        views = sample_views("test", row)
        assert np.array_equal(image_in(drawn, column=0, row=row), views["photo"])
        assert np.array_equal(image_in(drawn, column=3, row=row), views["map"])
        with seeded(opened.config.train.seed, "evaluate", f"test-{row}", device=CPU):
            made = translator.translate(from_picture(Image.fromarray(views["photo"]))[None])
        assert np.array_equal(image_in(drawn, column=1, row=row), np.asarray(to_picture(made[0])))
        assert not np.array_equal(
            image_in(drawn, column=2, row=row), np.asarray(to_picture(made[0]))
        )  # dropout's noise
    before = path.read_bytes()
    monkeypatch.setattr(Translator, "translate", lambda *_: pytest.fail("what was drawn is kept"))
    assert draw_same_images({"ours": opened, "another seed": other}, split="test", path=path, device=CPU) == {}
    assert path.read_bytes() == before


def test_what_is_not_known_to_be_the_target_is_not_shown(tmp_path: Path):
    write_unpaired_dataset(tmp_path / "apart")
    generator = GeneratorConfig(num_filters=4, num_downs=3)
    method = PixelGANConfig(generator=generator, discriminator=PatchGANConfig(num_filters=4, num_layers=1))
    config = tiny_config(tmp_path / "apart")
    run = RunDir(tmp_path / "run")
    write_tiny_run(run, replace(config, method=method))
    path = tmp_path / "table.png"
    assert draw_same_images({"GAN": open_run(run)}, split="test", path=path, device=CPU) == {}
    drawn = Image.open(path)
    assert drawn.size == (2 * CELL - GAP, HEADER + 3 * CELL - GAP)  # of three photos


def test_runs_that_cannot_be_shown_are_left_out_and_said(opened: OpenRun, tmp_path: Path):
    path = tmp_path / "table.png"
    larger = replace(opened, config=replace(opened.config, data=replace(opened.config.data, load_size=64)))
    (tmp_path / "bare").mkdir()
    shutil.copy(opened.run.run_file, tmp_path / "bare")
    bare = replace(opened, run=RunDir(tmp_path / "bare"))
    left_out = draw_same_images({"bare": bare, "larger": larger}, split="test", path=path, device=CPU)
    assert "has no complete checkpoint" in left_out["bare"]
    assert "sees other images than the first row does" in left_out["larger"]
    assert not path.exists()
    left_out = draw_same_images({"ours": opened, "bare": bare}, split="test", path=path, device=CPU)
    assert list(left_out) == ["bare"]
    assert Image.open(path).width == 3 * CELL - GAP
