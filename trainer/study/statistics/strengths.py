"""Bradley and Terry 1952: strengths of more than two things from who won against whom.

P(a > b) = exp(s_a) / (exp(s_a) + exp(s_b)). Log strengths s have the mean 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.study.statistics.counts import Thing

_MOST_STEPS = 200
_LONGEST_STEP = 1.0
_SMALL = 1e-9


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What comparisons say of an order."""

    names: tuple[str, ...]
    apart: tuple[tuple[str, ...], ...]
    """Groups that were never compared with each other; one group if all hang together."""
    tiers: tuple[tuple[str, ...], ...]
    """Groups within which all is estimable, the best first: whoever is in a former one never lost to, or was never
    compared with, those of a later one. One group if strengths are finite (Ford 1957)."""

    @property
    def is_estimable(self) -> bool:
        """Whether all strengths are finite."""
        return len(self.tiers) == 1


def wins_of(totals: NDArray[np.int64], things: Sequence[Thing], names: Sequence[str]) -> NDArray[np.float64]:
    """[..., pairs, 2] -> [..., names, names]: how often the row won against the column."""
    place = {name: number for number, name in enumerate(names)}
    wins = np.zeros((*totals.shape[:-2], len(names), len(names)))
    for number, (first, second) in enumerate(things):
        wins[..., place[first], place[second]] += totals[..., number, 1]
        wins[..., place[second], place[first]] += totals[..., number, 0]
    return wins


def standing(wins: NDArray[np.float64], names: Sequence[str]) -> Standing:
    """Whether [names, names] wins have strengths, and if not, why."""
    reach = _reach(wins)
    apart, tiers = _alike(_reach(wins + wins.T)), _alike(reach & reach.T)
    tiers.sort(key=lambda tier: -reach[tier[0]].sum())  # who wins reaches more
    named = [tuple(tuple(names[row] for row in group) for group in groups) for groups in (apart, tiers)]
    return Standing(names=tuple(names), apart=named[0], tiers=named[1])


def _alike(linked: NDArray[np.bool_]) -> list[tuple[int, ...]]:
    """The groups of an equivalence."""
    return sorted({tuple(int(row) for row in np.flatnonzero(row)) for row in linked})


def _reach(wins: NDArray[np.float64]) -> NDArray[np.bool_]:
    """[..., names, names]: whether the row is the column, has won against it, or against one who reaches it."""
    number = wins.shape[-1]
    reach = (wins > 0) | np.eye(number, dtype=bool)
    for _ in range(number.bit_length()):  # each time, ways twice as long
        reach = reach @ reach
    return reach


def log_strengths(wins: NDArray[np.float64]) -> NDArray[np.float64]:
    """[..., names, names] -> [..., names], of the greatest likelihood: Newton's method with bounded steps.

    Where strengths would be infinite they are NaN.
    """
    flat = wins.reshape(-1, *wins.shape[-2:])
    result = np.full(flat.shape[:-1], np.nan)
    possible = _reach(flat).all(axis=(1, 2))
    result[possible] = _newton(flat[possible])
    return result.reshape(wins.shape[:-1])


def _newton(wins: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n, names, names] -> [n, names]. Raises ArithmeticError if a gradient does not vanish."""
    games, won = wins + wins.swapaxes(1, 2), wins.sum(axis=2)
    strengths = np.zeros_like(won)
    mean_zero = np.full(
        games.shape[1:], 1 / games.shape[1]
    )  # keeps the sum of strengths: the Hessian alone is singular
    scale = np.maximum(1, games.sum(axis=(1, 2)))[:, None]
    for _ in range(_MOST_STEPS):
        chance = 1 / (1 + np.exp(strengths[:, None, :] - strengths[:, :, None]))
        gradient = won - (games * chance).sum(axis=2)
        if (np.abs(gradient) <= _SMALL * scale).all():
            return strengths - strengths.mean(axis=1, keepdims=True)
        weight = games * chance * (1 - chance)
        hessian = weight.sum(axis=2)[:, :, None] * np.eye(games.shape[1]) - weight
        size = np.trace(hessian, axis1=1, axis2=2)[:, None, None]
        step = np.linalg.solve(hessian + size * mean_zero, gradient[:, :, None])[:, :, 0]
        strengths = (
            strengths + step * np.minimum(1, _LONGEST_STEP / np.maximum(_SMALL, np.abs(step).max(axis=1)))[:, None]
        )
    raise ArithmeticError(f"Bradley-Terry strengths did not settle in {_MOST_STEPS} steps")
