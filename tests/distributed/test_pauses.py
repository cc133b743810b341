"""VAE/GAN's players that sit out a step: decided alike by all ranks, and as one rank decides over all micro-batches."""

from typing import Any

import numpy as np
import pytest
import torch

from tests.distributed.launcher import run_ranks
from tests.unit.methods.latent_parts import DECODER, DISCRIMINATOR, ENCODER, TASK, single_batch
from trainer.config.engine import EngineConfig
from trainer.config.optimizer import OptimizerConfig
from trainer.data.batch import Batch
from trainer.methods.registry import build_method
from trainer.methods.vaegan.config import VAEGANConfig
from trainer.ranks.world import World

pytestmark = pytest.mark.slow

SIZE, NUM_STEPS = 4, 6
PAUSED = ("paused/encoder", "paused/decoder", "paused/discriminator")


def micro_batch(step: int, place: int) -> Batch:
    """Of unlike contrast, so that one half of the images costs more than the other."""
    torch.manual_seed(10 * step + place)
    start = SIZE * (2 * step + place)
    return single_batch(torch.randn(SIZE, 1, 16, 16) * (0.1 if place else 1), position=start)


def make_engine(world: World, *, stage: Any = 0, accumulated: int = 1, margin: float = 0.2):
    from trainer.engine.engine import Engine

    config = VAEGANConfig(
        encoder=ENCODER, decoder=DECODER, discriminator=DISCRIMINATOR, code_size=2, layer=2, pause_margin=margin
    )
    torch.manual_seed(0)
    engine = Engine(
        build_method(config, TASK),
        config=EngineConfig(device="cpu", precision="fp32", zero_stage=stage, gradient_accumulation_steps=accumulated),
        optimizer=OptimizerConfig(lr=0.02),
        batch_size_per_gpu=SIZE,
        world=world,
    )
    engine.set_learning_rate(0.02)
    return engine


def state_of(engine, name: str) -> np.ndarray:
    """Weights and buffers of a network."""
    with engine.gathered([name]) as networks:
        return np.concatenate([value.double().flatten().numpy() for value in networks[name].state_dict().values()])


def trained(world: World, stage: int) -> tuple[list[dict[str, float]], np.ndarray]:
    """What paused in each step, and the decoder at the end. One rank accumulates what two would take."""
    accumulated = 2 // world.size
    engine = make_engine(world, stage=stage, accumulated=accumulated)
    steps = []
    for step in range(NUM_STEPS):
        own = [micro_batch(step, place) for place in range(2) if accumulated == 2 or place == world.rank]
        told = engine.train_step(*own, step=step)
        steps.append({name: told[name].item() for name in PAUSED})
        for player in ("encoder", "decoder", "discriminator"):
            stepped = any(key.startswith(f"loss/{player}/") for key in told)
            assert stepped == (told[f"paused/{player}"] == 0)
    return steps, state_of(engine, "decoder")


@pytest.mark.parametrize("stage", [0, pytest.param(3, marks=pytest.mark.soak)])
def test_ranks_decide_alike_and_as_one_would(stage: int) -> None:
    (lone, alone), *ranks = [*run_ranks(trained, 1, stage), *run_ranks(trained, 2, stage)]
    assert [steps for steps, _ in ranks] == [lone, lone]
    decisions = {tuple(step.values()) for step in lone}
    assert {(0.0, 0.0, 0.0), (0.0, 0.0, 1.0)} <= decisions  # the encoder always steps
    (_, decoder), _ = ranks  # the main rank's, whose running statistics are those of the first micro-batch
    np.testing.assert_allclose(decoder, alone, rtol=1e-3, atol=1e-4)


def train_with_margins(world: World) -> dict[float, tuple[list[dict[str, float]], dict[str, np.ndarray]]]:
    found = {}
    for margin in (0.0, 1000.0, 1e-6):
        engine = make_engine(world, margin=margin)
        before = {name: state_of(engine, name) for name in ("decoder", "discriminator")}
        told = [engine.train_step(micro_batch(step, 0), step=step) for step in range(2)]
        change = {name: state_of(engine, name) - state for name, state in before.items()}
        found[margin] = ([{key: loss.item() for key, loss in one.items()} for one in told], change)
    return found


def test_deciding_changes_nothing_but_who_steps() -> None:
    (found,) = run_ranks(train_with_margins, 1)
    (usual, change), (unpaused, same), _ = found.values()
    assert [{key: loss for key, loss in one.items() if key not in PAUSED} for one in unpaused] == usual
    assert all(one[name] == 0 for one in unpaused for name in PAUSED)
    assert all(np.array_equal(change[name], same[name]) for name in change)
