"""Compiled networks on two ranks train as those that are not: traced as on a GPU, with torch's own kernels.

To have kernels written and compiled as well takes minutes: in the soak tier, of one preset.
"""

from contextlib import nullcontext
from dataclasses import replace

import pytest

from tests.distributed.launcher import run_ranks
from tests.distributed.test_parity import (
    NUM_RANKS,
    PIX2PIX,
    Weights,
    assert_close,
    global_micro_batch,
    make_method,
    method_presets,
    parity_config,
    share_of,
    weights_of,
)
from trainer.config.engine import Compile
from trainer.engine import compiled
from trainer.presets import load_preset
from trainer.ranks.world import World

pytestmark = pytest.mark.slow

SOAK, LONG = pytest.mark.soak, pytest.mark.timeout(2400)
METHODS = [name for name in method_presets() if not load_preset(name).method.differentiates_gradients]
CASES = [
    pytest.param("aot_eager", [(PIX2PIX, 0), (PIX2PIX, 2)], id="traced"),
    pytest.param("aot_eager", [(name, 0) for name in METHODS], marks=[SOAK, LONG], id="methods"),
    pytest.param("inductor", [(PIX2PIX, 0), (PIX2PIX, 2)], marks=[SOAK, LONG], id="compiled"),
]
NUM_STEPS = 3


def train(world: World, preset: str, zero_stage: int, compile_: Compile) -> Weights:
    """The arithmetic of the second step is counted, which a compiled network does not bear."""
    from trainer.engine.engine import Engine
    from trainer.engine.flops import FlopCount

    config = parity_config(preset)
    engine = Engine(
        make_method(config),
        config=replace(config.engine, zero_stage=zero_stage, compile=compile_, sync_batch_norm=False),
        optimizer=config.optimizer,
        batch_size_per_gpu=3,
        world=world,
    )
    for step in range(NUM_STEPS):
        with FlopCount().step(3) if step == 1 else nullcontext():
            engine.train_step(share_of(global_micro_batch(step, 0, config), world.rank), step=step)
    return weights_of(engine.method)


def train_ranks(world: World, backend: str, cases: list[tuple[str, int]]) -> list[tuple[Weights, Weights, int]]:
    """Of each case the weights of plain and of compiled networks, and how many graphs were traced."""
    from torch import _dynamo
    from torch._dynamo.utils import counters

    compiled.BACKEND = backend
    outcomes = []
    for preset, zero_stage in cases:
        _dynamo.reset()  # a graph serves all networks of the same layers and sizes
        counters.clear()
        plain = train(world, preset, zero_stage, "off")
        assert not counters["stats"]
        outcomes.append((plain, train(world, preset, zero_stage, "default"), counters["stats"]["unique_graphs"]))
    return outcomes


@pytest.mark.parametrize(("backend", "cases"), CASES)
def test_compiled_networks_train_as_plain_ones(backend: str, cases: list[tuple[str, int]]):
    first, second = run_ranks(train_ranks, NUM_RANKS, backend, cases, timeout_s=2300)
    for (preset, _), (plain, ours, num_graphs), (_, others, _) in zip(cases, first, second, strict=True):
        assert num_graphs >= len(load_preset(preset).method.players)
        assert_close(preset, ours, plain)
        assert_close(preset, ours, others)
