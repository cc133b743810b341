"""Weights and optimizer state go on exactly on another number of ranks, at ZeRO 0 to 2."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.distributed.launcher import run_ranks
from tests.distributed.test_parity import (
    BATCH_SIZE_PER_GPU,
    CLOSE,
    NUM_RANKS,
    NUM_STEPS,
    PIX2PIX,
    SAVED_STEP,
    Weights,
    global_micro_batch,
    largest_difference,
    make_method,
    parity_config,
    train_plain,
    weights_of,
)
from trainer.ranks.world import World, init_world

STAGES = (0, 1, 2)
GLOBAL_BATCH = NUM_RANKS * BATCH_SIZE_PER_GPU
MANY = 3
"""Ranks that share a global batch of 6, and flat vectors whose lengths 3 does not divide."""


def train(world: World, folder: Path, *, stage: int, steps: range, saved_ranks: int | None = None) -> Weights:
    """Go on from what `saved_ranks` have saved in `folder`, or from the start; save if there is more to come."""
    from trainer.data.batch import Batch
    from trainer.engine.engine import Engine

    config = parity_config(PIX2PIX)
    size = GLOBAL_BATCH // world.size
    engine = Engine(
        make_method(config),
        config=replace(config.engine, zero_stage=stage),
        optimizer=replace(config.optimizer, discriminator_lr_factor=1.0),
        batch_size_per_gpu=size,
        world=world,
    )
    if saved_ranks is not None:
        engine.load(folder, saved_ranks=saved_ranks)
    part = slice(world.rank * size, (world.rank + 1) * size)
    for step in steps:
        batch = global_micro_batch(step, 0, config)
        engine.train_step(Batch(a=batch.a[part], b=batch.b[part], index=batch.index[part], seed=batch.seed), step=step)
    if steps.stop < NUM_STEPS:
        engine.save(folder)
    return weights_of(engine.method)


def train_many(world: World, folder: Path) -> dict[int, Weights]:
    """Save what one process is to go on with, and go on with what one process has saved."""
    first, rest = range(SAVED_STEP), range(SAVED_STEP, NUM_STEPS)
    for stage in STAGES:
        train(world, folder / f"many-{stage}", stage=stage, steps=first)
    return {stage: train(world, folder / f"one-{stage}", stage=stage, steps=rest, saved_ranks=1) for stage in STAGES}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, str], Weights]:
    folder, alone = tmp_path_factory.mktemp("engines"), init_world("cpu")
    for stage in STAGES:
        train(alone, folder / f"one-{stage}", stage=stage, steps=range(SAVED_STEP))
    many = run_ranks(train_many, MANY, folder, timeout_s=240)
    rest = range(SAVED_STEP, NUM_STEPS)
    one = {stage: train(alone, folder / f"many-{stage}", stage=stage, steps=rest, saved_ranks=MANY) for stage in STAGES}
    return {(stage, "1 to 3"): many[-1][stage] for stage in STAGES} | {
        (stage, "3 to 1"): one[stage] for stage in STAGES
    }


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("direction", ["1 to 3", "3 to 1"])
def test_an_engine_goes_on_on_another_number_of_ranks(stage: int, direction: str, outcomes) -> None:
    """Ten steps in all, as of one process of plain torch that never stopped."""
    plain = train_plain(parity_config(PIX2PIX), 1)
    for player, difference in largest_difference(outcomes[stage, direction], plain).items():
        assert difference < CLOSE, player
