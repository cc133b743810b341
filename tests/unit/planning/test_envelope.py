"""The memory of a step by its batch: the highest of its moments."""

import pytest

from trainer.planning.envelope import at_most, highest_lines

SIZES = (2, 3)


def step(batch_size: int) -> list[list[int]]:
    """Weights and gradients at its end, feature maps in its middle; a loop over images between two marks."""
    return [
        [100, 100 + 10 * batch_size, 100 + 30 * batch_size],
        [100 + 5 * number for number in range(batch_size)],
        [250 + 10 * batch_size, 300],
    ]


@pytest.mark.parametrize("batch_size", [1, 2, 5, 6, 7, 8, 40])
def test_what_two_small_batches_show_holds_for_others(batch_size: int) -> None:
    lines = highest_lines(step(2), step(3), sizes=SIZES)
    assert at_most(lines, batch_size) == max(max(segment) for segment in step(batch_size))


def test_lines_that_are_never_the_highest_are_left_out() -> None:
    assert highest_lines(step(2), step(3), sizes=SIZES) == [(300, 0), (250, 10), (100, 30)]
