"""Engines with options of DeepSpeed, trained on two ranks as tests want them, and what plain torch makes of the same.

float16 is refused on the CPU because it is slow there, not because it does not run: here it does.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

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
from trainer.ranks.world import World
from trainer.runs.config import RunConfig

DEFAULTS: dict[str, Any] = {"precision": "fp32", "initial_loss_scale": 4096.0, "device": "auto"}
"""With a scale of float16 at which no gradient overflows; `device` because the configuration refuses it on the CPU."""
NUM_STEPS = 6
SAVED_STEP = 4
STAGES = (0, 1, 2, 3)
CLIPPED = 0.1
"""Gradients of both players are larger."""
BOUNDS = {"bf16": 0.2, "fp16": 0.15}
"""How far weights may end from those of plain torch in the same arithmetic, as a share of the way that they have come:
three times what was measured. Adam steps far where gradients are small, and those are rounded most.
"""
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

Options = dict[str, Any]
Cases = Mapping[str, Options]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One rank after all steps, and after a save, a load and the same steps again."""

    unbroken: Weights
    resumed: Weights | None


def config_of(options: Options) -> RunConfig:
    config = parity_config(PIX2PIX)
    return replace(
        config,
        engine=replace(config.engine, **DEFAULTS | options),
        optimizer=replace(config.optimizer, discriminator_lr_factor=1.0),
    )


def make_engine(options: Options, world: World):
    from trainer.engine.engine import Engine

    config = config_of(options)
    return Engine(
        make_method(config),
        config=config.engine,
        optimizer=config.optimizer,
        batch_size_per_gpu=BATCH_SIZE_PER_GPU,
        world=world,
    )


def train(engine: Any, steps: range, *, poisoned: int | None = None) -> None:
    """One of the ranks' steps; in step `poisoned` the last rank meets an image that holds no number."""
    rank = engine.world.rank
    for step in steps:
        batch = share_of(global_micro_batch(step, 0, parity_config(PIX2PIX)), rank)
        if step == poisoned and rank == NUM_RANKS - 1:
            batch = replace(batch, a=batch.a * torch.nan)
        engine.train_step(batch, step=step)


def train_cases(world: World, folder: Path, cases: Cases, resumed_ones: Collection[str]) -> dict[str, Outcome]:
    outcomes = {}
    for name, options in cases.items():
        engine = make_engine(options, world)
        train(engine, range(SAVED_STEP))
        if name in resumed_ones:
            engine.save(folder / name)
        train(engine, range(SAVED_STEP, NUM_STEPS))
        resumed = None
        if name in resumed_ones:
            again = make_engine(options, world)
            again.load(folder / name, saved_ranks=NUM_RANKS)
            train(again, range(SAVED_STEP, NUM_STEPS))
            resumed = whole_weights(again)
        outcomes[name] = Outcome(unbroken=whole_weights(engine), resumed=resumed)
    return outcomes


def distances(ours: Weights, others: Weights) -> dict[str, float]:
    """Of each player: the length of the difference of all weights."""
    return {
        player: sum(float(np.square(a - b).sum()) for a, b in zip(ours[player], others[player], strict=True)) ** 0.5
        for player in ours
    }


def plain_weights(options: Options) -> Weights:
    """Of one process of plain torch in the same arithmetic, with the same clipping."""
    config = config_of({"gradient_clipping": options.get("gradient_clipping", 0.0)})
    return train_plain(config, 1, num_steps=NUM_STEPS, dtype=_DTYPES[precision_of(options)])


def precision_of(options: Options) -> str:
    return options.get("precision", DEFAULTS["precision"])


def assert_close(ours: Weights, expected: Weights, *, precision: str) -> None:
    """Within what another order of sums makes: an absolute bound in float32, a share of the way else."""
    if precision == "fp32":
        assert max(largest_difference(ours, expected).values()) < CLOSE
        return
    ways = distances(expected, weights_of(make_method(config_of({}))))
    for player, distance in distances(ours, expected).items():
        assert distance < BOUNDS[precision] * ways[player], player


def assert_equal(ours: Weights, others: Weights) -> None:
    assert set(largest_difference(ours, others).values()) == {0.0}
