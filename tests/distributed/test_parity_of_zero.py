"""ZeRO 2 for every method, and in the soak tier stage 1, the other half of its code: `test_parity` has no ZeRO."""

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

METHODS = [name for name in method_presets() if name != PIX2PIX]


@pytest.fixture(scope="module", params=[2, pytest.param(1, marks=pytest.mark.soak)], ids="zero{}".format)
def ranks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Outcome]]:
    """What each rank made of each method's preset."""
    cases: list[Case] = [(name, request.param, 1) for name in METHODS]
    of_ranks = run_ranks(train_ranks, NUM_RANKS, tmp_path_factory.mktemp("engines"), cases, timeout_s=540)
    return [{case[0]: outcome for case, outcome in of_rank.items()} for of_rank in of_ranks]


@pytest.mark.parametrize("preset", METHODS)
def test_two_ranks_equal_one_process(preset: str, ranks):
    first, second = (rank[preset].unbroken for rank in ranks)
    assert_close(preset, first, train_plain(parity_config(preset), 1))
    assert set(largest_difference(first, second).values()) == {0.0}
