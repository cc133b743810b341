"""Search spaces: what each trial of a sweep may change, by the dotted paths of the command line.

`--method.weight-l1` is the path `method.weight_l1`. A space is checked against the configuration before a sweep starts,
so that no trial meets an impossible value. Imports neither ray nor torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import product
from typing import Any, Protocol

import numpy as np

from trainer.config.errors import ConfigError
from trainer.runs.config import RunConfig, config_from_dict, config_to_dict, flatten

Overrides = Mapping[str, Any]
"""Dotted path -> value."""


@dataclass(frozen=True)
class Uniform:
    """Real numbers from `low` up to `high`, all equally likely."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"Uniform({self.low}, {self.high}): the first number must be the smaller one.")

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high

    def spread(self, num: int, random: np.random.Generator) -> list[float]:
        return _rounded(self.low + (self.high - self.low) * _fractions(num, random), self)

    @property
    def extremes(self) -> tuple[Any, ...]:
        return (self.low, self.high)


@dataclass(frozen=True)
class LogUniform:
    """Real numbers from `low` up to `high`, each factor of ten as likely as the next."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high:
            raise ValueError(f"LogUniform({self.low}, {self.high}): both must be positive, the first the smaller.")

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high

    def spread(self, num: int, random: np.random.Generator) -> list[float]:
        return _rounded(self.low * (self.high / self.low) ** _fractions(num, random), self)

    @property
    def extremes(self) -> tuple[Any, ...]:
        return (self.low, self.high)


class Choice:
    """One of a few values, all equally likely."""

    def __init__(self, *values: Any) -> None:
        if len(values) < 2:
            raise ValueError(f"Choice{values}: give two values or more.")
        self.values = values

    def __contains__(self, value: object) -> bool:
        return value in self.values

    def spread(self, num: int, random: np.random.Generator) -> list[Any]:
        start = random.integers(len(self.values))
        return [self.values[(start + place) % len(self.values)] for place in random.permutation(num)]

    @property
    def extremes(self) -> tuple[Any, ...]:
        return self.values


def _fractions(num: int, random: np.random.Generator) -> np.ndarray:
    """[num] One in each of `num` equal parts of 0..1, in random order."""
    return (random.permutation(num) + random.random(num)) / num


def _rounded(values: np.ndarray, domain: Uniform | LogUniform) -> list[float]:
    """Round to three digits: finer differences do not matter, and tables and commands with them are hard to read."""
    return [min(max(float(f"{value:.3g}"), domain.low), domain.high) for value in values]


class Domain(Protocol):
    """The values that one path may have."""

    def __contains__(self, value: object) -> bool: ...

    def spread(self, num: int, random: np.random.Generator) -> list[Any]:
        """Draw so many values in random order that cover the domain evenly."""
        ...

    @property
    def extremes(self) -> tuple[Any, ...]:
        """The ends of a range, or all of the choices."""
        ...


Space = Mapping[str, Domain]

SPACES: dict[str, Space] = {
    "l1-skips": {
        "method.weight_l1": LogUniform(10, 1000),
        "method.generator.skips": Choice("concatenate", "add", "none"),
    },
    "optimizer": {
        "optimizer.lr": LogUniform(5e-5, 1e-3),
        "optimizer.beta1": Choice(0.0, 0.5, 0.9),
    },
    "rmsprop": {
        "optimizer.lr": LogUniform(1e-5, 1e-3),
        "optimizer.rmsprop_decay": Choice(0.9, 0.99, 0.999),
    },
}
"""By name: the weight of pix2pix's L1 term with the U-Net's skips (Isola et al. 2017, sections 4.1 and 4.2); Adam;
RMSProp. All trials are of one length, so `train.total_kimg` cannot be searched."""

_ALGORITHM = {"optimizer.beta1": "adam", "optimizer.rmsprop_decay": "rmsprop"}
"""What takes a setting that others leave alone: trials that differ in it alone would be the same."""


def load_space(name: str) -> Space:
    """Raises ConfigError with the names that exist."""
    if name not in SPACES:
        raise ConfigError("space", name, f"there are: {', '.join(SPACES)}.")
    return SPACES[name]


def apply(config: RunConfig, overrides: Overrides) -> RunConfig:
    """The configuration with other values at some paths.

    Raises:
        ConfigError: there is no such path, or the value is impossible there.
    """
    values = config_to_dict(config)
    known = flatten(values)
    for path, value in overrides.items():
        if path not in known:
            raise ConfigError(path, value, _unknown(path, list(known)))
        section, _, name = path.rpartition(".")
        _section(values, section)[name] = value
    return config_from_dict(values)


def check_space(space: Space, config: RunConfig) -> None:
    """Try every combination of choices and ends of ranges.

    Raises:
        ConfigError: a path does not exist, or a combination is impossible; names the path or the field at fault.
    """
    for values in product(*(domain.extremes for domain in space.values())):
        apply(config, dict(zip(space, values, strict=True)))


def choose_space(name: str | None, config: RunConfig) -> str:
    """The space that was asked for, or the first whose paths the configuration has.

    Raises:
        ConfigError: no such space, or it changes what the configuration does not have, or to what it cannot be.
    """
    known, algorithm = config_to_dict(config), config.optimizer.algorithm
    known = {path for path in flatten(known) if _ALGORITHM.get(path, algorithm) == algorithm}
    fitting = [other for other, space in SPACES.items() if space.keys() <= known]
    chosen = name or fitting[0]
    missing = [path for path in load_space(chosen) if path not in known]
    if missing:
        lacking = f"method.name = {config.method.name!r}"
        if missing[0] in _ALGORITHM:
            lacking = f"optimizer.algorithm = {algorithm!r}"
        reason = f"changes {' and '.join(missing)}, which {lacking} does not have"
        raise ConfigError("space", name, f"{reason}; use {' or '.join(fitting)}.")
    check_space(load_space(chosen), config)
    return chosen


def own_values(space: Space, config: RunConfig) -> dict[str, Any] | None:
    """What `config` itself has at the space's paths, or None if that lies outside the space."""
    known = flatten(config_to_dict(config))
    values = {path: known[path] for path in space}
    return values if all(values[path] in domain for path, domain in space.items()) else None


def draw(space: Space, *, num: int, seed: int) -> list[dict[str, Any]]:
    """Configurations that cover the space evenly, even if they are few.

    A Latin hypercube (McKay, Beckman, Conover 1979): each domain is cut into `num` parts of equal probability, each
    part is met once, and parts of different domains are paired at random. So no choice is forgotten by chance, as it
    easily is among independent draws.
    """
    random = np.random.default_rng(seed)
    columns = {path: domain.spread(num, random) for path, domain in space.items()}
    return [{path: column[number] for path, column in columns.items()} for number in range(num)]


def as_flags(overrides: Overrides) -> list[str]:
    """Arguments of `diptych train` that set these paths."""
    flags: list[str] = []
    for path, value in overrides.items():
        section, _, name = path.replace("_", "-").rpartition(".")
        if isinstance(value, bool):
            flags.append(f"--{section}.{'' if value else 'no-'}{name}")
        else:
            values = value if isinstance(value, list | tuple) else [value]
            flags += [f"--{section}.{name}", *map(str, values)]
    return flags


def _section(values: dict[str, Any], path: str) -> dict[str, Any]:
    for name in path.split("."):
        values = values[name]
    return values


def _unknown(path: str, known: list[str]) -> str:
    fields = [field for field in known if field.startswith(f"{path}.")]
    if fields:
        return f"is a section; its fields: {', '.join(fields)}."
    near = get_close_matches(path, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "`diptych train --help` shows all."
    return f"the configuration has no such field; {hint}"
