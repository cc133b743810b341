"""Losses that are no numbers end a run, which says what there is to go on from."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.shrink import shrink
from trainer.loop.errors import TrainingDivergedError
from trainer.loop.setup import open_trainer
from trainer.presets import DEFAULT, load_preset
from trainer.ranks.world import init_world
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir


@pytest.mark.parametrize(
    ("is_saved", "way_out"),
    [
        (False, r"No checkpoint was saved before\. Start anew with --optimizer\.lr 5e\+29"),
        (True, r"The checkpoint of 0 images is good\..* diptych train --resume .*/run --optimizer\.lr 5e\+29"),
    ],
)
def test_a_run_that_diverges_says_where_and_what_to_go_on_from(
    is_saved: bool, way_out: str, tiny_dataset: Path, tmp_path: Path
) -> None:
    small = shrink(load_preset(DEFAULT), dataset=tiny_dataset)
    run = RunDir(tmp_path / "run")
    run.create(replace(small, optimizer=replace(small.optimizer, lr=1e30)), preset=DEFAULT, command=[])
    trainer = open_trainer(open_run(run), world=init_world("cpu"), to_console=False)
    try:
        with pytest.raises(TrainingDivergedError, match=way_out) as caught:
            if is_saved:
                trainer.save()
                trainer.checkpoints.wait()
            for _ in range(4):
                trainer.step()
    finally:
        trainer.close()
    found = re.search(r"after \d+ images\. The output of ([\w.]+) was the first that is no number", str(caught.value))
    assert found is not None, caught.value
    networks = [player.networks for player in trainer.engine.players.values()]
    assert found[1] in {name for each in networks for name, _ in each.named_modules()}
