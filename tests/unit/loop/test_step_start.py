"""What the loop tells each batch of the step that it is of."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.shrink import shrink
from trainer.data.batch import Batch
from trainer.loop.setup import open_trainer
from trainer.presets import DEFAULT, load_preset
from trainer.ranks.world import init_world
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir


def test_batches_of_one_step_begin_with_it(tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What depends on how far the run is (DiscoGAN's curriculum) is then one thing for a step, however it is dealt."""
    config = shrink(load_preset(DEFAULT), dataset=tiny_dataset)
    config = replace(config, engine=replace(config.engine, gradient_accumulation_steps=2))
    run = RunDir(tmp_path / "run")
    run.create(config, preset=DEFAULT, command=[])
    trainer = open_trainer(open_run(run), world=init_world("cpu"), to_console=False)
    seen: list[tuple[int, int]] = []

    def train_step(*batches: Batch, step: int, look: object) -> dict[str, Tensor]:
        seen.extend((batch.position, batch.step_position) for batch in batches)
        return {"loss/generator/l1": torch.tensor(1.0)}

    monkeypatch.setattr(trainer.engine, "train_step", train_step)
    try:
        trainer.step()
        trainer.step()
    finally:
        trainer.close()
    assert seen == [(0, 0), (4, 0), (8, 8), (12, 8)]
