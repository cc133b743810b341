"""Decisions of population-based training (Jaderberg et al. 2017, arXiv:1711.09846): who takes over from whom, and how
the values are perturbed.

All of it is a function of scores, values and seed: decided again, it comes out the same.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from sweeps.population import Exploit
from sweeps.spaces.overrides import Overrides, apply
from sweeps.spaces.space import Space
from trainer.config.domains import Choice, Domain, Integers, Reals
from trainer.config.errors import ConfigError
from trainer.runs.config import RunConfig

FACTORS = (0.8, 1.2)
"""By which a number is multiplied (section 4.1.1 of the paper)."""
_MOST_TRIES = 20
"""Perturbations that the configuration could not have, before the donor's values are kept."""


def decide(
    gains: Mapping[str, float | None],
    values: Mapping[str, Overrides],
    space: Space,
    config: RunConfig,
    *,
    position: int,
    quantile: float,
    resample: float,
    seed: int,
) -> list[Exploit]:
    """Who takes over from whom.

    Args:
        gains: of each trial, the larger the better; None of one that has no weights of this position, which always
            takes over, e.g. as its loss was not finite.
        values: what each trains with.
        position: images that they have seen.
        quantile: the share of trials at the bottom that take over, and at the top of which each draws one.
        resample: how likely it is that a value is drawn anew, in place of being perturbed.
    """
    scored = sorted((name for name in gains if gains[name] is not None), key=lambda name: (-(gains[name] or 0), name))
    lost = sorted(name for name in gains if gains[name] is None)
    num = num_in_quantile(len(gains), quantile)
    donors = scored[: max(num, 1)]
    worst = scored[max(len(donors), len(scored) - max(num - len(lost), 0)) :]
    exploits: list[Exploit] = []
    for trial in sorted([*lost, *worst]) if donors else ():
        random = np.random.default_rng([seed, position, sorted(values).index(trial)])
        donor = donors[random.integers(len(donors))]
        if trial in lost or gains[trial] != gains[donor]:
            found = _possible(values[donor], space, config, random, resample=resample)
            exploits.append(Exploit(position=position, trial=trial, donor=donor, values=found))
    return exploits


def num_in_quantile(num: int, quantile: float) -> int:
    """Trials at each end of so many: one or more, and never more than half."""
    return min(max(1, round(num * quantile)), num // 2)


def explore(values: Overrides, space: Space, random: np.random.Generator, *, resample: float) -> dict[str, Any]:
    """The values perturbed, each within its domain; what has no effect beside the others is left out."""
    found = {
        path: perturb(domain, values[path], random, resample=resample)
        if path in values
        else domain.at(float(random.random()))
        for path, domain in space.domains.items()
    }
    return space.active(found)


def perturb(domain: Domain, value: Any, random: np.random.Generator, *, resample: float) -> Any:
    """A value of the domain near another: a number times 0.8 or 1.2, a choice's neighbour, or a draw of the domain.

    Whole numbers move by one or more, unless they are at the end of their range.
    """
    anew, place, up = random.random(), float(random.random()), int(random.integers(2))
    if anew < resample:
        return domain.at(place)
    if isinstance(domain, Choice):
        return domain.values[_clipped(domain.values.index(value) + (1 if up else -1), 0, len(domain.values) - 1)]
    moved = value * FACTORS[up]
    if isinstance(domain, Integers):
        whole = round(moved)
        return _clipped(whole if whole != value else value + (1 if up else -1), domain.low, domain.high)
    assert isinstance(domain, Reals)
    return domain.rounded(moved)


def _clipped(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)


def _possible(
    values: Overrides, space: Space, config: RunConfig, random: np.random.Generator, *, resample: float
) -> dict[str, Any]:
    for _ in range(_MOST_TRIES):
        found = explore(values, space, random, resample=resample)
        try:
            apply(config, found)
        except ConfigError:
            continue
        return found
    return dict(values)
