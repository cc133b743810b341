"""Which trials are best where two scores decide."""

from dataclasses import replace

import pytest

from sweeps.records import State
from sweeps.rows import TrialRow, pareto_front
from tests.unit.sweeps.test_asha import small_sweep

PSNR, KID = "eval/psnr", "eval/kid/efficientnet-lite0"
ONE = small_sweep()
TWO = replace(ONE, second_metric=KID)


def row(name: str, psnr: float, kid: float | None, *, position: int = 800, state: State = "finished") -> TrialRow:
    scores = {PSNR: psnr} | ({} if kid is None else {KID: kid})
    return TrialRow(
        trial=name,
        state=state,
        overrides={},
        position=position,
        score=psnr,
        scores=scores,
        num_restarts=0,
        error=None,
    )


def front(*rows: TrialRow) -> list[str]:
    return [row.trial for row in pareto_front(rows, TWO)]


def test_those_are_best_that_none_beats_in_both() -> None:
    sharp, blurred, between = row("sharp", 18.0, 0.01), row("blurred", 22.0, 0.05), row("between", 20.0, 0.03)
    beaten, beaten_in_one = row("beaten", 19.0, 0.04), row("beaten in one", 18.0, 0.02)
    assert front(beaten, sharp, between, beaten_in_one, blurred) == ["blurred", "between", "sharp"]


def test_equals_are_both_best() -> None:
    assert front(row("b", 20.0, 0.03), row("a", 20.0, 0.03)) == ["a", "b"]


@pytest.mark.parametrize("state", ["diverged", "failed"])
def test_what_has_no_result_is_left_out(state: State) -> None:
    whole = row("whole", 18.0, 0.03)
    assert front(row("bad", 30.0, 0.0, state=state), row("without", 30.0, None), whole) == ["whole"]
    assert front() == []


def test_only_the_furthest_compare() -> None:
    """At equal numbers of reports, as a batch may end a little beyond one."""
    assert front(
        row("short", 30.0, 0.0, position=700), row("long", 18.0, 0.03), row("more", 17.0, 0.02, position=804)
    ) == [
        "long",
        "more",
    ]


def test_of_one_objective_it_is_the_best() -> None:
    rows = [row("low", 18.0, 0.0), row("high", 20.0, 0.1), row("without", 19.0, None)]
    assert [found.trial for found in pareto_front(rows, ONE)] == ["high"]
