"""How many participants a wanted precision takes."""

import math

import numpy as np
from numpy.typing import NDArray

Z_95 = 1.959963984540054
"""Standard errors to each side of a mean within which the truth is 95 times of 100."""
WANTED = {2: (0.05, 0.025, 0.01), 5: (0.2, 0.1, 0.05)}
"""Half widths of 95 % intervals that reports speak of, by the number of values of an answer."""


def spread_of(participants: NDArray[np.float64]) -> float | None:
    """Standard deviation over participants' means, some of which may be NaN; None for fewer than two."""
    found = participants[~np.isnan(participants)]
    return float(found.std(ddof=1)) if len(found) > 1 else None


def expected_spread(rate: float, *, between: float, num_trials: int) -> float:
    """The same, foretold, of answers 0 and 1 whose mean is `rate`, for a study that is only planned.

    Args:
        rate: over all participants, in [0, 1].
        between: standard deviation of the participants' own rates.
        num_trials: of each participant.
    """
    return math.sqrt(between**2 + (rate * (1 - rate) - between**2) / num_trials)


def participants_for(half_width: float, *, spread: float) -> int:
    """Participants of a method whose mean is to have a 95 % interval of +- `half_width`; at least two."""
    return max(2, math.ceil((Z_95 * spread / half_width) ** 2))
