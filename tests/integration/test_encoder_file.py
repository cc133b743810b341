"""A run that is watched by an encoder from a file: which file is noted as it begins, and no other is taken later."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.test_best_of_sets import config_of
from tests.scores.light_weights import write_weights
from tests.unit.data.tiny_shards import write_unpaired_dataset
from trainer.config.checkpoint import CheckpointConfig
from trainer.config.errors import ConfigError
from trainer.config.evaluate import EvaluateConfig
from trainer.config.train import TrainConfig
from trainer.loop.setup import open_trainer
from trainer.presets import DEFAULT
from trainer.ranks.world import init_world
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir


@pytest.mark.slow
def test_a_run_keeps_to_the_file_that_it_began_with(tmp_path: Path) -> None:
    write_unpaired_dataset(tmp_path / "set")
    weights, run = write_weights(tmp_path, "alexnet"), RunDir(tmp_path / "run")
    evaluate = EvaluateConfig(encoder="alexnet", encoder_weights=weights)
    changes = {"evaluate": evaluate, "checkpoint": CheckpointConfig(), "train": TrainConfig(batch_size_per_gpu=2)}
    run.create(replace(config_of(tmp_path / "set"), **changes), preset=DEFAULT, command=[])
    open_trainer(open_run(run), world=init_world("cpu"), to_console=False).close()
    assert open_run(run).encoders == {"alexnet": hashlib.sha256(weights.read_bytes()).hexdigest()}
    weights.write_bytes(weights.read_bytes() + b"0")
    with pytest.raises(ConfigError, match=r"^evaluate\.encoder_weights = .*not the file that the run began with"):
        open_trainer(open_run(run), world=init_world("cpu"), to_console=False)
