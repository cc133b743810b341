"""What each of some ranks takes of a run's global batch, and which numbers of ranks can share it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shrink import shrink
from tests.tiny_run import POSITION, tiny_config, write_map_dataset, write_tiny_run
from trainer.checkpoints.batch import kept_global_batch
from trainer.checkpoints.layout import CheckpointState, write_state
from trainer.config.errors import ConfigError
from trainer.methods.discogan.config import DiscoGANConfig
from trainer.presets import DEFAULT, load_preset
from trainer.runs.batches import (
    BatchPlan,
    allowed_ranks,
    batch_plan,
    first_global_batch,
    note_global_batch,
    planned,
)
from trainer.runs.changes import write_changes
from trainer.runs.config import RunConfig
from trainer.runs.rundir import RunDir

sizes = st.integers(1, 12)


def config_of(batch: int, accumulation: int = 1, *, preset: str = DEFAULT, **engine) -> RunConfig:
    small = shrink(load_preset(preset), dataset=Path("unused"))
    return replace(
        small,
        train=replace(small.train, batch_size_per_gpu=batch),
        engine=replace(small.engine, gradient_accumulation_steps=accumulation, **engine),
    )


@given(batch=sizes, accumulation=sizes, first=sizes, ranks=sizes)
def test_a_plan_is_of_the_whole_global_batch(batch: int, accumulation: int, first: int, ranks: int):
    config = config_of(batch, accumulation)
    total = first_global_batch(config, first)
    is_allowed = allowed_ranks(config, global_batch=total, among=[ranks]) == [ranks]
    assert is_allowed == (total % ranks == 0)
    if is_allowed:
        plan = batch_plan(config, global_batch=total, num_ranks=ranks)
        assert plan.micro_batch * plan.accumulation * ranks == total
        assert plan.micro_batch <= batch
        assert plan.micro_batch == batch or (total // ranks) % batch
        assert first_global_batch(planned(config, plan), ranks) == total


@given(batch=sizes, accumulation=sizes, ranks=sizes)
def test_on_the_first_number_of_ranks_nothing_changes(batch: int, accumulation: int, ranks: int):
    config = config_of(batch, accumulation)
    plan = batch_plan(config, global_batch=first_global_batch(config, ranks), num_ranks=ranks)
    assert plan == BatchPlan(micro_batch=batch, accumulation=accumulation)
    assert planned(config, plan) == config


@pytest.mark.parametrize(
    ("ranks", "micro_batch", "accumulation"), [(1, 4, 4), (2, 4, 2), (4, 4, 1), (8, 2, 1), (16, 1, 1)]
)
def test_accumulation_follows_the_ranks_and_then_the_micro_batch(ranks: int, micro_batch: int, accumulation: int):
    expected = BatchPlan(micro_batch=micro_batch, accumulation=accumulation)
    assert batch_plan(config_of(4), global_batch=16, num_ranks=ranks) == expected


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_what_is_one_over_all_ranks_stays_one(ranks: int):
    """Batch norm over all ranks, or means of features: their micro-batch is that of all ranks."""
    discogan = config_of(4, 2, preset="unpaired-discogan")
    assert isinstance(discogan.method, DiscoGANConfig)
    matching = replace(discogan, method=replace(discogan.method, feature_share=0.5))
    expected = BatchPlan(micro_batch=8 // ranks, accumulation=2)
    for config in (config_of(4, 2, sync_batch_norm=True), matching):
        assert batch_plan(config, global_batch=16, num_ranks=ranks) == expected


def test_numbers_that_cannot_share_it_are_named_with_those_that_can():
    config = config_of(4)
    assert allowed_ranks(config, global_batch=8, among=range(2, 7)) == [2, 4]
    assert allowed_ranks(config, global_batch=None, among=range(2, 7)) == [2, 3, 4, 5, 6]
    with pytest.raises(ConfigError, match=r"num_procs = 3: the run has 8 images .* Use 1, 2, 4 or 8; or choose"):
        batch_plan(config, global_batch=8, num_ranks=3)


def test_a_norm_over_the_batch_has_its_least_micro_batch():
    config = config_of(2, preset="photos-age")
    assert config.method.smallest_batch == 2
    assert allowed_ranks(config, global_batch=8, among=range(1, 9)) == [1, 2, 4]
    with pytest.raises(ConfigError, match=r"in micro-batches of 2 or more\. Use 1, 2 or 4"):
        batch_plan(config, global_batch=8, num_ranks=8)


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    write_map_dataset(tmp_path / "data")
    run = RunDir(tmp_path / "run")
    write_tiny_run(run, tiny_config(tmp_path / "data"))
    return run


def test_a_new_run_has_none_until_ranks_start(run: RunDir, tmp_path: Path):
    new = RunDir(tmp_path / "new")
    new.create(run.config(), preset="tiny", command=[])
    assert kept_global_batch(new) is None
    note_global_batch(new, 12)
    assert kept_global_batch(new) == 12
    before = new.run_file.stat().st_mtime_ns
    note_global_batch(new, 12)
    assert new.run_file.stat().st_mtime_ns == before, "written once"


def test_another_micro_batch_gives_another_global_batch(run: RunDir):
    note_global_batch(run, 12)
    config = run.config()
    longer = replace(config, train=replace(config.train, total_kimg=4.0))
    write_changes(run, longer, {"train.total_kimg": 4.0}, position=POSITION)
    assert kept_global_batch(run) == 12
    larger = replace(longer, train=replace(longer.train, batch_size_per_gpu=8))
    write_changes(run, larger, {"train.batch_size_per_gpu": 8}, position=POSITION)
    assert kept_global_batch(run) is None


def test_a_former_run_keeps_that_of_the_ranks_that_saved(run: RunDir):
    """Of the newest checkpoint that can be read."""
    batch = run.config().train.batch_size_per_gpu
    assert "global_batch" not in json.loads(run.run_file.read_text())
    assert kept_global_batch(run) == batch
    newer = run.checkpoints / "00001600"
    newer.mkdir()
    write_state(newer, CheckpointState(position=1600, step=2, world_size=3, ranks=[{}] * 3, files={}))
    assert kept_global_batch(run) == 3 * batch
    (newer / "state.json").write_text("{}")
    assert kept_global_batch(run) == batch
