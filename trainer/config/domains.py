"""What sweeps may try in a field of a configuration: its domain, which stands in the annotation, beside its bounds.

`weight_l1: Annotated[float, AtLeast(0, "use 0 (off) or more."), Searched("weights", Factor(10))]`;
`sweeps.spaces.catalogue` collects them.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import floor
from typing import Annotated, Any, Literal

from trainer.config.bounds import AtLeast

Group = Literal["weights", "architecture", "optimizer"]
"""Fields that are searched together: weights of losses and their likes, networks, how they are optimised."""


class Domain(ABC):
    """The values that one field may have in a sweep."""

    @abstractmethod
    def __contains__(self, value: object) -> bool: ...

    @property
    @abstractmethod
    def extremes(self) -> tuple[Any, ...]:
        """The ends of a range, or all of the choices."""

    @abstractmethod
    def at(self, fraction: float) -> Any:
        """The value below which a share `fraction`, from 0 up to below 1, of all draws lies."""

    @property
    @abstractmethod
    def steps(self) -> tuple[Any, ...] | None:
        """The values of a grid, or None for a range that says no number of them."""


@dataclass(frozen=True)
class Reals(Domain):
    """Real numbers from `low` up to `high`."""

    low: float
    high: float
    num_steps: int | None = None
    """Of a grid, from end to end, as far from each other as draws are on average."""

    def __post_init__(self) -> None:
        if self.num_steps is not None and self.num_steps < 2:
            raise ValueError(f"num_steps = {self.num_steps}: give two or more.")

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high

    @property
    def extremes(self) -> tuple[float, float]:
        return (self.low, self.high)

    @property
    def steps(self) -> tuple[float, ...] | None:
        num = self.num_steps
        return None if num is None else tuple(self.at(step / (num - 1)) for step in range(num))

    def rounded(self, value: float) -> float:
        """Round to three digits: finer differences do not matter, and are hard to read in tables and commands."""
        return min(max(float(f"{value:.3g}"), self.low), self.high)


@dataclass(frozen=True)
class Uniform(Reals):
    """Real numbers from `low` up to `high`, all equally likely."""

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"Uniform({self.low}, {self.high}): the first number must be the smaller one.")
        super().__post_init__()

    def at(self, fraction: float) -> float:
        return self.rounded(self.low + (self.high - self.low) * fraction)


@dataclass(frozen=True)
class LogUniform(Reals):
    """Real numbers from `low` up to `high`, each factor of ten as likely as the next."""

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high:
            raise ValueError(f"LogUniform({self.low}, {self.high}): both must be positive, the first the smaller.")
        super().__post_init__()

    def at(self, fraction: float) -> float:
        return self.rounded(self.low * (self.high / self.low) ** fraction)


@dataclass(frozen=True)
class Integers(Domain):
    """Whole numbers from `low` to `high`, all equally likely."""

    low: int
    high: int

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"Integers({self.low}, {self.high}): the first number must be the smaller one.")

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high

    @property
    def extremes(self) -> tuple[Any, ...]:
        return (self.low, self.high)

    def at(self, fraction: float) -> int:
        return min(self.low + floor((self.high - self.low + 1) * fraction), self.high)

    @property
    def steps(self) -> tuple[int, ...]:
        return tuple(range(self.low, self.high + 1))


@dataclass(frozen=True, init=False)
class Choice(Domain):
    """One of a few values, all equally likely."""

    values: tuple[Any, ...]

    def __init__(self, *values: Any) -> None:
        if len(values) < 2 or any(value in values[:place] for place, value in enumerate(values)):
            raise ValueError(f"Choice{values}: give two different values or more.")
        object.__setattr__(self, "values", values)

    def __contains__(self, value: object) -> bool:
        return value in self.values

    @property
    def extremes(self) -> tuple[Any, ...]:
        return self.values

    def at(self, fraction: float) -> Any:
        return self.values[min(int(fraction * len(self.values)), len(self.values) - 1)]

    @property
    def steps(self) -> tuple[Any, ...]:
        return self.values


@dataclass(frozen=True)
class Factor:
    """Up to so many times smaller and larger than the preset's own value: weights differ by orders of magnitude."""

    factor: float

    def around(self, value: Any) -> Domain | None:
        """None of what is off: it stays so."""
        return LogUniform(value / self.factor, value * self.factor) if value else None


@dataclass(frozen=True)
class HalvedOrDoubled:
    """Half of the preset's own whole number, that number, and its double: a network's width."""

    def around(self, value: Any) -> Domain | None:
        """None of 1, which has no half."""
        return Choice(value // 2, value, 2 * value) if value > 1 else None


@dataclass(frozen=True)
class Searched:
    """How sweeps vary a field: with which others, and over what."""

    group: Group
    domain: Domain | Factor | HalvedOrDoubled
    only: tuple[str, tuple[Any, ...]] | None = None
    """A field of the same section, and its values with which this one has any effect."""

    def around(self, value: Any) -> Domain | None:
        """The domain, given the preset's own value; None if it stays as it is."""
        return self.domain if isinstance(self.domain, Domain) else self.domain.around(value)


LOSS_WEIGHT = Searched("weights", Factor(10))
LossWeight = Annotated[float, AtLeast(0, "use 0 (off) or more."), LOSS_WEIGHT]
Width = Annotated[int, AtLeast(1, "use 1 or more."), Searched("architecture", HalvedOrDoubled())]
"""Channels after a network's first convolution."""
