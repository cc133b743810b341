"""How far a sweep is, in a line."""

import pytest

from sweeps.progress import describe_progress, seconds_left
from sweeps.rows import TrialRow
from tests.unit.sweeps.test_pareto import ONE, TWO, row


def stopped(name: str, *, position: int = 200) -> TrialRow:
    return row(name, 14.0, None, position=position, state="stopped early")


def waiting(name: str) -> TrialRow:
    return row(name, 0.0, None, position=0, state="waiting")


def test_states_the_best_and_the_time_left() -> None:
    rows = [row("006", 16.378, None), stopped("001"), row("002", 15.0, None, position=100, state="training")]
    said = describe_progress([*rows, waiting("003")], ONE, before=0, elapsed_s=110.0)
    # 1100 images in 110 s; the two that ended came to 500 on average, and 900 are left to that.
    assert said == "1 finished, 1 stopped early, 1 training, 1 waiting; best 16.38 dB (006); about 2 min left"


def test_of_two_scores_none_is_the_best() -> None:
    assert describe_progress([row("006", 16.378, 0.03)], TWO, before=0, elapsed_s=1.0) == "1 finished"


@pytest.mark.parametrize(
    ("rows", "before", "left_s"),
    [
        ([waiting("000")], 0, None),
        ([row("000", 15.0, None)], 0, None),
        ([row("000", 15.0, None, position=400, state="training"), waiting("001")], 0, 1200 / 4),
        ([row("000", 15.0, None), waiting("001")], 800, None),
        ([row("000", 15.0, None), stopped("001"), row("002", 15.0, None, position=600, state="training")], 0, 200 / 16),
    ],
    ids=["nothing yet", "all ended", "none ended", "nothing since it went on", "beyond the others"],
)
def test_the_time_left_is_of_what_was_done_since(rows: list[TrialRow], before: int, left_s: float | None) -> None:
    assert seconds_left(rows, ONE, before=before, elapsed_s=100.0) == left_s
