"""From a few steps to a whole run, against arithmetic by hand."""

from dataclasses import replace
from typing import Any

import pytest

from trainer.config.checkpoint import CheckpointConfig
from trainer.config.engine import EngineConfig
from trainer.config.train import TrainConfig
from trainer.planning.forecast import GIB, Forecast
from trainer.planning.request import Found, PlayerFound, Probe
from trainer.runs.config import RunConfig

MIB = 2**20
PLAYER = PlayerFound(name="generator", num_weights=10, num_trained=10, flops=2.0, stored=300 * MIB)
FOUND = Found(
    device="cpu",
    dtype="float32",
    num_threads=2,
    memory_bytes=2 * GIB,
    base_bytes=500 * MIB,
    needs_bytes=800 * MIB,
    players=[PLAYER],
    networks=[],
    flops=3.0,
    averages=100 * MIB,
    pools=10 * MIB,
    probes=[Probe(batch_size=2, maps=20), Probe(batch_size=3, maps=25)],
    tensors=[(200 * MIB, 0), (100 * MIB, 20 * MIB)],
    step_s=[0.5, 1.5],
)


def forecast(found: Found = FOUND, *, free_disk: int = 100 * GIB, **sections: Any) -> Forecast:
    config = RunConfig(train=TrainConfig(total_kimg=1.0, batch_size_per_gpu=4), **sections)
    return Forecast(config=config, num_ranks=2, found=found, free_disk=free_disk)


def test_hours_are_those_of_all_steps() -> None:
    planned = forecast(engine=EngineConfig(gradient_accumulation_steps=3))
    assert planned.images_per_step == 24
    assert planned.num_steps == 42  # 1000 / 24 = 41.7
    assert planned.hours == pytest.approx(42 / 3600)
    assert planned.rank_flops == 3.0 * 12


def test_what_was_measured_beyond_tensors_grows_with_them() -> None:
    planned = forecast()
    assert planned.needs(4) == FOUND.needs_bytes  # 500 + 200 + 100 MiB
    assert planned.needs(15) == (500 + 400 + 200) * MIB
    assert planned.needs(1) == FOUND.needs_bytes
    assert planned.maps(10) == 60


def test_the_largest_batch_that_fits_leaves_a_tenth_free() -> None:
    planned = forecast()
    most = planned.largest_batch
    assert planned.needs(most) <= 0.9 * FOUND.memory_bytes < planned.needs(most + 1)
    assert forecast(replace(FOUND, memory_bytes=600 * MIB)).largest_batch == 0


def test_checkpoints_that_are_kept_have_room_beside_one_that_is_being_written() -> None:
    checkpoint = CheckpointConfig(period_kimg=0.1, keep=2)
    planned = forecast(checkpoint=checkpoint)
    assert planned.checkpoint_bytes == (300 + 100 + 2 * 10) * MIB
    assert planned.num_checkpoints == 10
    assert planned.kept_bytes == 3 * planned.checkpoint_bytes
    assert planned.refusals() == []
    (error,) = forecast(checkpoint=checkpoint, free_disk=GIB).refusals()
    assert str(error).startswith("checkpoint.keep = 2: checkpoints of 0.41 GiB each need 1.23 GiB, and 1.00 GiB are")


def test_a_batch_that_does_not_fit_is_refused_with_one_that_does() -> None:
    found = replace(FOUND, memory_bytes=780 * MIB, step_s=[])
    planned = forecast(found)
    assert planned.hours is None
    (error,) = planned.refusals()
    assert error.name == "train.batch_size_per_gpu"
    assert "a rank needs 0.78 GiB, and 0.76 GiB are there: not even the smallest batch fits" in error.remedy
    found = replace(FOUND, memory_bytes=1000 * MIB, needs_bytes=1020 * MIB, tensors=[(100 * MIB, 80 * MIB)])
    (error,) = forecast(found).refusals()
    assert "use 2 or less" in error.remedy
