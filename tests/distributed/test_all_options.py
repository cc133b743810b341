"""Options that `test_options.py` leaves out, and each key that `engine.raw` takes: two ranks against one process."""

import json

import pytest

from tests.distributed.launcher import run_ranks
from tests.distributed.options import (
    CLIPPED,
    Options,
    Outcome,
    assert_close,
    assert_equal,
    plain_weights,
    train_cases,
)
from tests.distributed.test_parity import NUM_RANKS, Weights
from trainer.config.deepspeed_keys import FREE, FREE_ZERO, ZERO

pytestmark = [pytest.mark.slow, pytest.mark.soak]

MINI = 1000
"""Numbers in a bucket: fewer than the largest weight has, and far fewer than a player."""
RAW_VALUES = {"gradient_predivide_factor": 2.0, "stage3_model_persistence_threshold": 100}
UNSET = ("allgather_partitions", "memory_efficient_linear", "reduce_scatter")
"""Truth values that are true by themselves, on the CPU."""
CASES: dict[str, Options] = {
    **{f"clipped-zero{stage}": {"zero_stage": stage, "gradient_clipping": CLIPPED} for stage in (0, 1, 2, 3)},
    "offload-zero1": {"zero_stage": 1, "offload_optimizer": True},
    "offload-zero3": {"zero_stage": 3, "offload_optimizer": True},
    "offload-parameters-zero3": {"zero_stage": 3, "offload_parameters": True},
    **{f"overlap-zero{stage}": {"zero_stage": stage, "overlap_comm": "on"} for stage in (1, 2)},
    "no-overlap-zero3": {"zero_stage": 3, "overlap_comm": "off"},
    **{
        f"small-buckets-zero{stage}": {"zero_stage": stage, "reduce_bucket_size": MINI, "allgather_bucket_size": MINI}
        for stage in (0, 1, 2, 3)
    },
    **{f"scattered-zero{stage}": {"zero_stage": stage, "contiguous_gradients": False} for stage in (1, 2, 3)},
    **{f"round-robin-zero{stage}": {"zero_stage": stage, "round_robin_gradients": True} for stage in (1, 2)},
    "round-robin-offload-zero2": {"zero_stage": 2, "round_robin_gradients": True, "offload_optimizer": True},
    "recomputed-offload-zero2": {"zero_stage": 2, "activation_checkpointing": True, "offload_optimizer": True},
}


def raw_cases() -> dict[str, Options]:
    """Each key that `engine.raw` takes, at the first stage that it is for, with another value than DeepSpeed's own."""
    cases = {}
    for within, keys in ((None, FREE), (ZERO, FREE_ZERO)):
        for key, (kind, stages) in keys.items():
            value = RAW_VALUES.get(key, MINI if kind is int else key not in UNSET)
            raw = {key: value} if within is None else {within: {key: value}}
            cases[f"{key}-zero{stages[0]}"] = {"zero_stage": stages[0], "raw": json.dumps(raw)}
    return cases


UNSET = ("allgather_partitions", "memory_efficient_linear", "reduce_scatter")
"""Truth values that are true by themselves, on the CPU."""
CASES |= raw_cases()
RESUMED = (
    *(name for name in CASES if name.startswith(("offload", "round-robin"))),
    "parameter_alignment-zero1",
    "sub_group_size-zero3",
)
"""Those with something of their own in a checkpoint."""


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Outcome]]:
    return run_ranks(train_cases, NUM_RANKS, tmp_path_factory.mktemp("engines"), CASES, RESUMED, timeout_s=500)


@pytest.fixture(scope="module")
def plain() -> dict[float, Weights]:
    return {clipping: plain_weights({"gradient_clipping": clipping}) for clipping in (0.0, CLIPPED)}


@pytest.mark.parametrize("case", CASES)
def test_two_ranks_equal_one_process(case: str, ranks, plain):
    assert_close(ranks[0][case].unbroken, plain[CASES[case].get("gradient_clipping", 0.0)], precision="fp32")


@pytest.mark.parametrize("case", RESUMED)
def test_a_resumed_engine_equals_an_unbroken_one(case: str, ranks):
    outcome = ranks[0][case]
    assert_equal(outcome.unbroken, outcome.resumed)


def test_ranks_hold_the_same_weights(ranks):
    for case in CASES:
        assert_equal(ranks[0][case].unbroken, ranks[1][case].unbroken)
