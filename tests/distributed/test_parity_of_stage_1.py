"""ZeRO 1 for every method: the other half of its code, of which `test_parity` runs stage 2 each time."""

import pytest

from tests.distributed.launcher import run_ranks
from tests.distributed.test_parity import (
    NUM_RANKS,
    PIX2PIX,
    Case,
    Outcome,
    assert_close,
    largest_difference,
    method_presets,
    parity_config,
    train_plain,
    train_ranks,
)

pytestmark = pytest.mark.slow

CASES: list[Case] = [(name, 1, 1) for name in method_presets() if name != PIX2PIX]


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[Case, Outcome]]:
    return run_ranks(train_ranks, NUM_RANKS, tmp_path_factory.mktemp("engines"), CASES, timeout_s=540)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_two_ranks_equal_one_process(case: Case, ranks):
    first, second = (rank[case].unbroken for rank in ranks)
    assert_close(case[0], first, train_plain(parity_config(case[0]), 1))
    assert set(largest_difference(first, second).values()) == {0.0}
