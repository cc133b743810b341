"""Each stage of ZeRO in each arithmetic, and offloading, on two ranks: against plain torch on one, and after a resume.

All other options are in the soak tier: `tests/distributed/test_all_options.py`.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.distributed.launcher import run_ranks
from tests.distributed.options import (
    CLIPPED,
    STAGES,
    Options,
    Outcome,
    assert_close,
    assert_equal,
    make_engine,
    plain_weights,
    precision_of,
    train,
    train_cases,
)
from tests.distributed.test_parity import CLOSE, NUM_RANKS, Weights, largest_difference, whole_weights
from trainer.ranks.world import World

pytestmark = pytest.mark.slow

HUGE_SCALE, SCALED_STEPS = 2.0**20, 8
"""The first steps of both players overflow, and not all steps do."""
CASES: dict[str, Options] = {
    **{
        f"{dtype}-zero{stage}": {"precision": dtype, "zero_stage": stage}
        for dtype in ("bf16", "fp16")
        for stage in STAGES
    },
    **{
        f"fp16-clipped-zero{stage}": {"precision": "fp16", "zero_stage": stage, "gradient_clipping": CLIPPED}
        for stage in (0, 2)
    },
    "offload-zero2": {"zero_stage": 2, "offload_optimizer": True},
    "offload-all-zero3": {"zero_stage": 3, "offload_optimizer": True, "offload_parameters": True},
}
RESUMED = ("fp16-zero0", "fp16-zero2", "fp16-zero3", "offload-zero2", "offload-all-zero3")
"""Those with something of their own in a checkpoint."""


def skip_steps(world: World, folder: Path) -> dict[int, list[Any]]:
    """Scales and weights at each stage: at first, after all steps, and after a step that overflows on one rank only."""
    told = {}
    for stage in STAGES:
        options = {"precision": "fp16", "zero_stage": stage, "initial_loss_scale": HUGE_SCALE}
        engine = make_engine(options, world)
        states = [(engine.loss_scales(), whole_weights(engine))]
        train(engine, range(SCALED_STEPS))
        states.append((engine.loss_scales(), whole_weights(engine)))
        train(engine, range(SCALED_STEPS, SCALED_STEPS + 1), poisoned=SCALED_STEPS)
        states.append((engine.loss_scales(), whole_weights(engine)))
        engine.save(folder / f"skipping-{stage}")
        again = make_engine(options, world)
        again.load(folder / f"skipping-{stage}", saved_ranks=NUM_RANKS)
        told[stage] = [*states, (again.loss_scales(), whole_weights(again))]
    return told


def work(world: World, folder: Path) -> tuple[dict[str, Outcome], dict[int, list[Any]]]:
    return train_cases(world, folder, CASES, RESUMED), skip_steps(world, folder)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[dict[str, Outcome], dict[int, list[Any]]]]:
    return run_ranks(work, NUM_RANKS, tmp_path_factory.mktemp("engines"), timeout_s=400)


@pytest.fixture(scope="module")
def plain() -> dict[tuple[str, float], Weights]:
    return {reference(options): plain_weights(options) for options in CASES.values()}


def reference(options: Options) -> tuple[str, float]:
    return precision_of(options), options.get("gradient_clipping", 0.0)


@pytest.mark.parametrize("case", CASES)
def test_two_ranks_equal_one_process(case: str, ranks, plain):
    options = CASES[case]
    assert_close(ranks[0][0][case].unbroken, plain[reference(options)], precision=precision_of(options))


@pytest.mark.parametrize("case", RESUMED)
def test_a_resumed_engine_equals_an_unbroken_one(case: str, ranks):
    outcome = ranks[0][0][case]
    assert_equal(outcome.unbroken, outcome.resumed)


def test_ranks_hold_the_same_weights(ranks):
    for case in CASES:
        assert_equal(ranks[0][0][case].unbroken, ranks[1][0][case].unbroken)


@pytest.mark.parametrize("stage", STAGES)
def test_steps_that_overflow_are_skipped_by_all_ranks_and_counted(stage: int, ranks):
    told = [rank[1][stage] for rank in ranks]
    for (scales, weights), (other_scales, other_weights) in zip(*told, strict=True):
        assert scales == other_scales
        assert set(largest_difference(weights, other_weights).values()) == {0.0}
    (_, first), (trained, after), (poisoned, kept), (loaded, read) = told[0]
    for player in ("generator", "discriminator"):
        skipped = trained[f"skipped_steps/{player}"]
        assert 1 <= skipped < SCALED_STEPS
        assert trained[f"scale/{player}"] == HUGE_SCALE / 2**skipped
        assert poisoned[f"skipped_steps/{player}"] == skipped + 1
    assert min(largest_difference(first, after).values()) > 10 * CLOSE
    assert set(largest_difference(after, kept).values()) == {0.0}
    assert loaded == poisoned
    assert set(largest_difference(kept, read).values()) == {0.0}
