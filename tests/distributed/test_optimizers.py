"""Players with optimizers of their own, and every algorithm, on two ranks against plain torch on one, at each stage of
ZeRO; what Adagrad and RMSProp keep is taken up by another number of ranks. (Adam is what all other tests train with.)
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.distributed.launcher import run_ranks
from tests.distributed.test_parity import (
    BATCH_SIZE_PER_GPU,
    CLOSE,
    NUM_RANKS,
    PIX2PIX,
    Weights,
    global_micro_batch,
    largest_difference,
    make_method,
    parity_config,
    share_of,
    train_plain,
    weights_of,
    whole_weights,
)
from trainer.config.optimizer import OptimizerConfig, PlayerOptimizerConfig
from trainer.engine.engine import Engine
from trainer.ranks.world import World, init_world
from trainer.runs.config import RunConfig

NUM_STEPS, SAVED_STEP = 6, 4
BOUND = 5 * CLOSE
"""Rates are five times those of all other tests. Without its own weight decay a weight would be 1e-3 off."""
STAGES = (0, 1, 2, 3)
OPTIMIZERS = {
    "mixed": OptimizerConfig(
        lr=1e-3,
        weight_decay=0.01,
        players={
            "discriminator": PlayerOptimizerConfig(algorithm="rmsprop", lr=1e-4),
            "generator": PlayerOptimizerConfig(algorithm="adamw", beta1=0.9, weight_decay=10.0),
        },
    ),
    "adagrad": OptimizerConfig(algorithm="adagrad", lr=1e-3, weight_decay=0.01),
}
CASES = [(name, stage) for name in OPTIMIZERS for stage in STAGES if (name, stage) != ("adagrad", 3)]
"""Adagrad at ZeRO 3 is refused."""


def config_of(name: str) -> RunConfig:
    return replace(parity_config(PIX2PIX), optimizer=OPTIMIZERS[name])


def make_engine(name: str, stage: int, world: World) -> Engine:
    config = config_of(name)
    engine = Engine(
        make_method(config),
        config=replace(config.engine, zero_stage=stage),
        optimizer=config.optimizer,
        batch_size_per_gpu=NUM_RANKS * BATCH_SIZE_PER_GPU // world.size,
        world=world,
    )
    engine.set_learning_rate(config.optimizer.lr)
    return engine


def train(engine: Engine, steps: range) -> Weights:
    for step in steps:
        batch = global_micro_batch(step, 0, parity_config(PIX2PIX))
        engine.train_step(batch if engine.world.size == 1 else share_of(batch, engine.world.rank), step=step)
    return whole_weights(engine)


def on_two(world: World, folder: Path) -> dict[Any, Weights]:
    outcomes = {}
    for name, stage in CASES:
        engine = make_engine(name, stage, world)
        train(engine, range(SAVED_STEP))
        engine.save(folder / f"{name}-{stage}")
        outcomes[name, stage] = train(engine, range(SAVED_STEP, NUM_STEPS))
    return outcomes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engines")


@pytest.fixture(scope="module")
def ranks(folder: Path) -> list[dict[Any, Weights]]:
    return run_ranks(on_two, NUM_RANKS, folder, timeout_s=540)


@pytest.fixture(scope="module")
def plain() -> dict[str, Weights]:
    return {name: train_plain(config_of(name), 1, num_steps=NUM_STEPS) for name in OPTIMIZERS}


@pytest.mark.parametrize(("name", "stage"), CASES)
def test_two_ranks_equal_one_process(name: str, stage: int, ranks, plain):
    assert max(largest_difference(ranks[0][name, stage], plain[name]).values()) < BOUND
    assert set(largest_difference(ranks[0][name, stage], ranks[1][name, stage]).values()) == {0.0}


@pytest.mark.parametrize(("name", "stage"), CASES)
def test_one_rank_goes_on_as_two_would_have(name: str, stage: int, ranks, plain, folder: Path):
    engine = make_engine(name, stage, init_world("cpu"))
    engine.load(folder / f"{name}-{stage}", saved_ranks=NUM_RANKS)
    engine.set_learning_rate(OPTIMIZERS[name].lr)
    assert max(largest_difference(train(engine, range(SAVED_STEP, NUM_STEPS)), plain[name]).values()) < BOUND


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_players_keep_matters(name: str, plain):
    """Adam for all would be told by the bound, and so would no training."""
    adam = train_plain(parity_config(PIX2PIX), 1, num_steps=NUM_STEPS)
    assert min(largest_difference(plain[name], adam).values()) > 5 * CLOSE
    assert min(largest_difference(plain[name], weights_of(make_method(config_of(name)))).values()) > 5 * CLOSE
