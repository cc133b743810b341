"""The numbers of a report: each mean with its standard error and interval, and who is better than whom."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.study.statistics.counts import Counts, Thing, means
from trainer.study.statistics.precision import WANTED, participants_for, spread_of

FEWEST_PARTICIPANTS = 2
"""With one, nothing is known of how people differ."""
_QUANTILES = (0.025, 0.975)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What is known of one thing judged. None is what too few answers do not tell."""

    thing: Thing
    num_participants: int
    given: tuple[int, ...]
    """How often each value was answered."""
    mean: float
    """In units of the value: 0 to 1, realness 0 to 4."""
    error: float | None
    """Standard error, of the bootstrap."""
    low: float | None
    high: float | None
    """The 95 % interval: quantiles of the bootstrap, or, where all answers are alike, exact binomial."""
    is_uniform: bool
    """All answers are alike. The bootstrap, which draws from them, knows no spread then."""
    chance: float | None
    """p of a mean of 0.5, two-sided: a t test over participants' means. None where there is no such middle."""
    needed: tuple[tuple[float, int], ...]
    """Half widths of a 95 % interval, and the participants that each takes, who answer as many trials."""

    @property
    def num_answers(self) -> int:
        return sum(self.given)


def estimate_all(counts: Counts, samples: NDArray[np.int64]) -> tuple[Estimate, ...]:
    """An estimate of each thing, from counts and their resamples ([num, things, values])."""
    return tuple(_estimate(counts, samples, place) for place in range(len(counts.things)))


def _estimate(counts: Counts, samples: NDArray[np.int64], place: int) -> Estimate:
    given = counts.totals[place]
    of_participants = counts.means_of_participants[:, place]
    of_participants = of_participants[~np.isnan(of_participants)]
    is_uniform = int((given > 0).sum()) == 1
    enough = len(of_participants) >= FEWEST_PARTICIPANTS
    error, low, high = _spread(means(samples[:, place])) if enough and not is_uniform else (None, None, None)
    if is_uniform and enough and len(given) == len(_QUANTILES):
        low, high = exact_interval(int(given[1]), int(given.sum()))
    return Estimate(
        thing=counts.things[place],
        num_participants=len(of_participants),
        given=tuple(int(number) for number in given),
        mean=float(means(given)),
        error=error,
        low=low,
        high=high,
        is_uniform=is_uniform,
        chance=_against_chance(of_participants) if len(given) == len(_QUANTILES) else None,
        needed=_needed(of_participants, num_values=len(given)),
    )


def _spread(found: NDArray[np.float64]) -> tuple[float, float, float]:
    """Standard error and interval of bootstrapped means; resamples without an answer to this are passed over."""
    low, high = np.nanquantile(found, _QUANTILES)
    return float(np.nanstd(found)), float(low), float(high)


def exact_interval(wins: int, answers: int) -> tuple[float, float]:
    """95 %, of a share (Clopper and Pearson 1934), as if all answers were independent."""
    from scipy.special import betaincinv  # scipy.stats takes a second to import

    low, high = _QUANTILES
    return (
        float(betaincinv(wins, answers - wins + 1, low)) if wins else 0.0,
        float(betaincinv(wins + 1, answers - wins, high)) if wins < answers else 1.0,
    )


def _against_chance(of_participants: NDArray[np.float64]) -> float | None:
    from scipy.special import stdtr

    spread, number = spread_of(of_participants), len(of_participants)
    if not spread:
        return None
    t = (of_participants.mean() - 0.5) / (spread / np.sqrt(number))
    return float(2 * stdtr(number - 1, -abs(t)))


def _needed(of_participants: NDArray[np.float64], *, num_values: int) -> tuple[tuple[float, int], ...]:
    spread = spread_of(of_participants)
    if not spread:
        return ()
    return tuple((half, participants_for(half, spread=spread)) for half in WANTED[num_values])
