"""A step of 128 ranks in one process, and what it would send, against the formula of each stage."""

from concurrent.futures import ProcessPoolExecutor

import pytest

from benchmarks.cases import Case
from benchmarks.traffic import STAGES, Stage, Traffic, count_traffic
from tests.distributed.launcher import parent_context

NUM_RANKS = 128
TINY = Case(title="tiny", side=32, num_filters=4, num_downs=5, batch_size=1, generator="", target=0.0)


def num_bytes_of_weights() -> int:
    """float32."""
    from trainer.config.method import Task
    from trainer.methods.registry import build_method

    method = build_method(TINY.config(), Task(channels_a=3, channels_b=3, side=TINY.side))
    networks = [player.networks for player in method.players.values()]
    return sum(4 * weight.numel() for network in networks for weight in network.parameters())


@pytest.fixture(scope="module")
def traffic() -> dict[Stage, Traffic]:
    with ProcessPoolExecutor(1, mp_context=parent_context()) as pool:  # DeepSpeed keeps groups of what trained here
        return pool.submit(count).result(300)


def count() -> dict[Stage, Traffic]:
    return {stage: count_traffic(TINY, stage=stage, precision="fp32", num_ranks=NUM_RANKS) for stage in STAGES}


def test_without_zero_each_gradient_is_added_up_once(traffic: dict[Stage, Traffic]) -> None:
    weights = num_bytes_of_weights()
    assert traffic[0].by_kind["allreduce"] == weights
    assert traffic[0].sent(NUM_RANKS) == pytest.approx(2 * weights * 127 / 128, rel=0.02)


@pytest.mark.parametrize("stage", [1, 2])
def test_zero_1_and_2_also_give_back_what_ranks_have_stepped(traffic: dict[Stage, Traffic], stage: Stage) -> None:
    weights = num_bytes_of_weights()
    assert traffic[stage].by_kind["allgather"] == pytest.approx(weights, rel=0.05)  # padded to the number of ranks
    assert traffic[stage].by_kind["allreduce"] + traffic[stage].by_kind.get("reduce_scatter", 0) >= weights


def test_zero_3_gathers_weights_and_scatters_gradients(traffic: dict[Stage, Traffic]) -> None:
    weights = num_bytes_of_weights()
    assert traffic[3].by_kind["reduce_scatter"] >= weights
    assert traffic[3].by_kind["allgather"] >= weights
