"""Images of one rank that are no numbers: all ranks end at once, say where it began, and keep what was good."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.distributed.launcher import run_ranks
from tests.shrink import shrink
from trainer.checkpoints.layout import checkpoint_folders
from trainer.data.batch import Batch, Batches
from trainer.loop.errors import TrainingDivergedError, exit_status
from trainer.loop.setup import open_trainer
from trainer.presets import DEFAULT, load_preset
from trainer.ranks.exits import FAILED
from trainer.ranks.rendezvous import own_host
from trainer.ranks.world import World
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

GOOD_STEPS = 3


@dataclass
class Poisoned:
    """Batches of which one is no number."""

    loader: Batches
    number: int
    """Of the good ones before."""

    def __next__(self) -> Batch:
        batch = next(self.loader)
        self.number -= 1
        return replace(batch, a=batch.a * float("nan"), b=batch.b * float("nan")) if self.number == -1 else batch

    def __iter__(self) -> Iterator[Batch]:
        return self

    def close(self) -> None:
        self.loader.close()


def _train(world: World, path: Path) -> tuple[int, int, str]:
    """Exit status, steps that were made, and the words."""
    trainer = open_trainer(open_run(RunDir(path)), world=world, to_console=False)
    if world.rank == 1:
        trainer.loader = Poisoned(trainer.loader, GOOD_STEPS)
    try:
        with pytest.raises(TrainingDivergedError) as caught:
            trainer.train()
    finally:
        trainer.close()
    return exit_status(caught.value), trainer.step_number, str(caught.value)


def test_a_loss_that_is_no_number_on_one_rank_ends_all(tiny_dataset: Path, tmp_path: Path) -> None:
    run, small = RunDir(tmp_path / "run"), shrink(load_preset(DEFAULT), dataset=tiny_dataset)
    images = 2 * small.train.batch_size_per_gpu
    config = replace(
        small,
        train=replace(small.train, total_kimg=1),
        log=replace(small.log, period_kimg=1),
        checkpoint=replace(small.checkpoint, period_kimg=GOOD_STEPS * images / 1000),
    )
    run.create(config, preset=DEFAULT, command=[])
    first, second = run_ranks(_train, 2, run.path, timeout_s=300)
    assert first == second
    status, steps, words = first
    assert (status, steps) == (FAILED, GOOD_STEPS + 1)
    assert words.startswith("loss/discriminator/")
    assert f" is nan on rank 1 (host {own_host()}) after {(GOOD_STEPS + 1) * images} images. " in words
    keys = r"in the batch that begins with [\w/-]+, [\w/-]+, [\w/-]+, on rank 1\. "
    assert re.search(rf"The images of view a were no numbers already, {keys}", words)
    assert f"The checkpoint of {GOOD_STEPS * images} images is good." in words
    assert [int(folder.name) for folder in checkpoint_folders(run.checkpoints)] == [GOOD_STEPS * images]
