"""A search space: the domains of some paths, and which of them count only beside certain values of others."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations, product
from math import prod
from typing import TYPE_CHECKING, Any

from sweeps.spaces.overrides import Overrides, apply
from trainer.config.domains import Choice, Domain
from trainer.config.errors import ConfigError
from trainer.runs.config import RunConfig, config_to_dict, flatten

if TYPE_CHECKING:
    import numpy as np

Condition = Mapping[str, tuple[Any, ...]]
"""Paths of the same space, and the values of each with which a path has an effect."""

MOST_CELLS = 10_000
"""Of a grid: more trials than that are a mistake."""
_MOST_TRIED = 256
"""Combinations of ends of ranges that are tried before a sweep: some 3 ms each."""


@dataclass(frozen=True)
class Space:
    """What the trials of a sweep may change."""

    domains: Mapping[str, Domain]
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    """Of paths that are left out where their condition does not hold: the trials would be the same."""

    def active(self, values: Overrides) -> dict[str, Any]:
        """Those of the values that have an effect beside each other, in the order of the space."""
        found: dict[str, Any] = {}
        for path in self.ordered:
            if path in values and self.holds(path, found):
                found[path] = values[path]
        return {path: found[path] for path in self.domains if path in found}

    def holds(self, path: str, values: Overrides) -> bool:
        """Whether a path has an effect beside the values of those that it depends on."""
        return all(other in values and values[other] in wanted for other, wanted in self.condition(path).items())

    def condition(self, path: str) -> Condition:
        """Of one path; empty if it always counts."""
        return self.conditions.get(path, {})

    @cached_property
    def ordered(self) -> list[str]:
        """All paths, those first on which others depend. Raises ConfigError where they depend on each other."""
        ordered: list[str] = []
        while len(ordered) < len(self.domains):
            ready = [
                path
                for path in self.domains
                if path not in ordered and all(other in ordered for other in self.condition(path))
            ]
            if not ready:
                left = next(path for path in self.domains if path not in ordered)
                raise ConfigError("space", left, "depends on paths that the space does not have, or in a circle.")
            ordered += ready
        return ordered


def check_space(space: Space, config: RunConfig) -> None:
    """Try the choices and ends of ranges: each by itself, then every combination, or every pair if those are many.

    Raises:
        ConfigError: a path does not exist, or a combination is impossible; names the path or the field at fault.
    """
    extremes = {path: domain.extremes for path, domain in space.domains.items()}
    small = prod(len(values) for values in extremes.values()) <= _MOST_TRIED
    for size in (1, len(extremes) if small else 2):
        tried: set[str] = set()
        for paths in combinations(extremes, min(size, len(extremes))):
            for values in product(*(extremes[path] for path in paths)):
                overrides = with_what_it_needs(space, dict(zip(paths, values, strict=True)))
                if repr(overrides) not in tried:
                    tried.add(repr(overrides))
                    apply(config, overrides)


def with_what_it_needs(space: Space, overrides: Overrides) -> dict[str, Any]:
    """Values of other paths added, so that each of these has its effect, or left out where it cannot."""
    needed = {other: wanted[0] for path in overrides for other, wanted in space.condition(path).items()}
    return space.active(needed | dict(overrides))


def own_values(space: Space, config: RunConfig) -> dict[str, Any] | None:
    """What `config` itself has at the space's paths, or None if that lies outside the space."""
    known = flatten(config_to_dict(config))
    values = space.active({path: known[path] for path in space.domains})
    return values if all(value in space.domains[path] for path, value in values.items()) else None


def draw(space: Space, *, num: int, seed: int) -> list[dict[str, Any]]:
    """Configurations that cover the space evenly, even if they are few.

    A Latin hypercube (McKay, Beckman, Conover 1979): each domain is cut into `num` parts of equal probability, each
    part is met once, and parts of different domains are paired at random. So no choice is forgotten by chance, as it
    easily is among independent draws.
    """
    import numpy as np  # a mistake on the command line is answered before it is loaded

    random = np.random.default_rng(seed)
    columns = {path: _spread(domain, num, random) for path, domain in space.domains.items()}
    return [space.active({path: column[number] for path, column in columns.items()}) for number in range(num)]


def _spread(domain: Domain, num: int, random: "np.random.Generator") -> list[Any]:
    """So many values in random order that cover the domain evenly."""
    if isinstance(domain, Choice):
        start = random.integers(len(domain.values))
        return [domain.values[(start + place) % len(domain.values)] for place in random.permutation(num)]
    return [domain.at(fraction) for fraction in (random.permutation(num) + random.random(num)) / num]


def grid(space: Space, *, first: Overrides | None = None) -> list[dict[str, Any]]:
    """Every combination once, those that differ without effect left out.

    Args:
        first: the one that is to be the first, if it is among them.

    Raises:
        ConfigError: a range says no number of steps, or there are too many combinations.
    """
    steps: dict[str, tuple[Any, ...]] = {}
    for path, domain in space.domains.items():
        values = domain.steps
        if values is None:
            low, high = domain.extremes
            raise ConfigError("vary", path, f"a grid needs steps: write {low:g}..{high:g}/4 for four, or a,b,c.")
        steps[path] = values
    num = prod(map(len, steps.values()))
    if num > MOST_CELLS:
        raise ConfigError("algorithm", "grid", f"would be {num} combinations, more than {MOST_CELLS}; vary less.")
    cells = [space.active(dict(zip(steps, values, strict=True))) for values in product(*steps.values())]
    if first in cells:
        cells.insert(0, dict(first or {}))
    return list({repr(cell): cell for cell in cells}.values())
