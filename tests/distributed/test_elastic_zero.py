"""A run of 2 ranks that goes on on 1 and then on 4 follows one that never stopped, at ZeRO 0 to 3."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.distributed.launcher import run_ranks
from tests.distributed.test_parity import (
    CLOSE,
    PIX2PIX,
    Weights,
    global_micro_batch,
    largest_difference,
    make_method,
    parity_config,
    whole_weights,
)
from trainer.data.batch import Batch
from trainer.engine.engine import Engine
from trainer.engine.loss_scale import LossScale
from trainer.ranks.sync_norm import mean_over_ranks
from trainer.ranks.world import World, init_world

pytestmark = pytest.mark.slow

STAGES = (0, 1, 2, 3)
GLOBAL_BATCH = 4
"""Four ranks split biases of one value: the slices of three of them are empty, filled up."""
ON_TWO, ON_ONE, ON_FOUR, ON_ONE_AGAIN = range(3), range(3, 6), range(6, 9), range(9, 10)
CLOSE_LOSS = 2e-5
CLOSE_STATE = 2e-6
"""Of what Adam keeps: means of gradients of 0.1 and less."""

Losses = list[dict[str, float]]  # of each step
State = dict[str, list[np.ndarray]]  # of each player, on one rank


class Part(NamedTuple):
    """What a rank tells of its part of a run."""

    losses: Losses
    """Means over all ranks."""
    weights: Weights
    """Whole."""
    state: State


@dataclass(frozen=True, kw_only=True)
class Chain:
    """A run at one stage, from number to number of ranks."""

    losses: Losses
    saved: Part
    """On one rank, before four took it up."""
    at_once: Part
    """What four ranks, without a step, have saved of it, on one rank."""
    end: Part
    scales: dict[str, float]
    """Of what one rank saved, as four take it up."""


def make_engine(world: World, *, stage: int) -> Engine:
    config = parity_config(PIX2PIX)
    return Engine(
        make_method(config),
        config=replace(config.engine, zero_stage=stage),
        optimizer=replace(config.optimizer, discriminator_lr_factor=1.0),
        batch_size_per_gpu=GLOBAL_BATCH // world.size,
        world=world,
    )


def train(engine: Engine, steps: range) -> Part:
    config, world = parity_config(PIX2PIX), engine.world
    size = GLOBAL_BATCH // world.size
    part = slice(world.rank * size, (world.rank + 1) * size)
    losses = []
    for step in steps:
        batch = global_micro_batch(step, 0, config)
        own = Batch(a=batch.a[part], b=batch.b[part], index=batch.index[part], seed=batch.seed)
        means = {key: float(mean_over_ranks(loss)) for key, loss in engine.train_step(own, step=step).items()}
        losses.append(means)
    return described(engine, losses)


def described(engine: Engine, losses: Losses) -> Part:
    states = {name: optimizer_state(player.engine.optimizer) for name, player in engine.players.items()}
    return Part(losses, whole_weights(engine), states)


def optimizer_state(optimizer: Any) -> list[np.ndarray]:
    """All that Adam keeps, of this rank, in the order of its parameters."""
    own = getattr(optimizer, "optimizer", optimizer)  # ZeRO wraps torch's
    values: list[Tensor] = [state[key] for state in own.state.values() for key in sorted(state)]
    assert values
    return [value.detach().numpy().copy() for value in values]


def on_two(world: World, folder: Path) -> dict[int, Part]:
    parts = {}
    for stage in STAGES:
        engine = make_engine(world, stage=stage)
        parts[stage] = train(engine, ON_TWO)
        engine.save(folder / f"two-{stage}")
    return parts


def on_four(world: World, folder: Path) -> tuple[dict[int, Part], dict[int, dict[str, float]]]:
    """And the loss scales, which a run in float16 takes up."""
    parts, scales = {}, {}
    for stage in STAGES:
        engine = make_engine(world, stage=stage)
        engine.load(folder / f"one-{stage}", saved_ranks=1)
        engine.save(folder / f"at-once-{stage}")
        parts[stage] = train(engine, ON_FOUR)
        engine.save(folder / f"four-{stage}")
        scale_losses(engine, LossScale(value=1.0, window=9))
        engine.load(folder / f"one-{stage}", saved_ranks=1)
        scales[stage] = engine.loss_scales()
    return parts, scales


def scale_losses(engine: Engine, scale: LossScale) -> None:
    """As in float16, which a CPU cannot train in."""
    for player in engine.players.values():
        player.loss_scale = replace(scale)


def on_one(folder: Path, *, stage: int, saved_ranks: int, steps: range = range(0)) -> tuple[Engine, Part]:
    engine = make_engine(init_world("cpu"), stage=stage)
    engine.load(folder, saved_ranks=saved_ranks)
    return engine, train(engine, steps)


@pytest.fixture(scope="module")
def chains(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Chain]:
    folder = tmp_path_factory.mktemp("engines")
    two = run_ranks(on_two, 2, folder, timeout_s=480)[-1]
    one = {}
    for stage in STAGES:
        engine, one[stage] = on_one(folder / f"two-{stage}", stage=stage, saved_ranks=2, steps=ON_ONE)
        scale_losses(engine, LossScale(value=512.0, window=9, good_steps=3, skipped=2))
        engine.save(folder / f"one-{stage}")
    four, scales = run_ranks(on_four, 4, folder, timeout_s=480)[-1]
    chains = {}
    for stage in STAGES:
        _, at_once = on_one(folder / f"at-once-{stage}", stage=stage, saved_ranks=4)
        _, end = on_one(folder / f"four-{stage}", stage=stage, saved_ranks=4, steps=ON_ONE_AGAIN)
        losses = [loss for part in (two[stage], one[stage], four[stage], end) for loss in part.losses]
        chains[stage] = Chain(losses=losses, saved=one[stage], at_once=at_once, end=end, scales=scales[stage])
    return chains


@pytest.fixture(scope="module")
def unbroken() -> Callable[[int], Part]:
    """One rank, ten steps. The state of its optimizer has another form at each stage."""
    parts: dict[int, Part] = {}

    def train_once(stage: int) -> Part:
        if stage not in parts:
            parts[stage] = train(make_engine(init_world("cpu"), stage=stage), range(ON_ONE_AGAIN.stop))
        return parts[stage]

    return train_once


@pytest.mark.parametrize("stage", STAGES)
def test_losses_weights_and_optimizer_follow_the_run_that_never_stopped(stage: int, chains, unbroken):
    expected, chain = unbroken(stage), chains[stage]
    assert len(chain.losses) == len(expected.losses) == 10
    for step, (found, right) in enumerate(zip(chain.losses, expected.losses, strict=True)):
        assert found == pytest.approx(right, abs=CLOSE_LOSS), step
    for player, difference in largest_difference(chain.end.weights, expected.weights).items():
        assert difference < CLOSE, player
    for player, difference in largest_difference(chain.end.state, expected.state).items():
        assert difference < CLOSE_STATE, player


@pytest.mark.parametrize("stage", STAGES)
def test_what_is_taken_up_is_to_the_bit_what_was_saved(stage: int, chains):
    """1 rank -> 4 -> 1, without a step between."""
    chain = chains[stage]
    assert largest_difference(chain.at_once.weights, chain.saved.weights) == dict.fromkeys(chain.saved.weights, 0)
    assert largest_difference(chain.at_once.state, chain.saved.state) == dict.fromkeys(chain.saved.state, 0)
    players = ("discriminator", "generator")
    assert chain.scales == {f"scale/{p}": 512.0 for p in players} | {f"skipped_steps/{p}": 2.0 for p in players}


def test_there_is_something_to_lose(unbroken):
    """Weights that are taken up without what Adam keeps would be told by these bounds."""
    kept = unbroken(0).state["generator"]
    assert max(float(np.abs(values).max()) for values in kept if values.ndim) > 1e3 * CLOSE_STATE
    assert torch.tensor(kept[-1]).item() == 10
