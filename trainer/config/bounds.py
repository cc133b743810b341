"""Bounds of what fields of a configuration can be, which stand in their annotations.

`period: Annotated[float, AtLeast(0, "use 0 (never) or more.")]`; `trainer.config.section` checks them.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import inf
from typing import Annotated, Any


class Bound(ABC):
    """What a number must be to be possible."""

    remedy: str
    """What would work, as an error says it."""

    @abstractmethod
    def holds(self, value: float) -> bool:
        """Whether a number is possible. Neither infinity nor NaN is."""

    def fits(self, value: Any) -> bool:
        """Whether a field can have a value: each of several numbers counts, and None, which is none, is possible."""
        if not isinstance(value, tuple):
            return value is None or self.holds(value)
        return all(number is None or self.holds(number) for number in value)


@dataclass(frozen=True)
class AtLeast(Bound):
    """From `least` on, to `most`, and below `below`."""

    least: float
    remedy: str
    most: float = inf
    below: float = inf

    def holds(self, value: float) -> bool:
        """Compare, as above."""
        return self.least <= value <= self.most and value < self.below


@dataclass(frozen=True)
class MoreThan(Bound):
    """More than `low`, to `most`."""

    low: float
    remedy: str
    most: float = inf

    def holds(self, value: float) -> bool:
        """Compare, as above."""
        return self.low < value <= self.most and value < inf


AtLeastOne = Annotated[int, AtLeast(1, "use 1 or more.")]
NumberOrOff = Annotated[float, AtLeast(0, "use 0 (off) or more.")]
CountOrOff = Annotated[int, AtLeast(0, "use 0 (off) or more.")]
Period = Annotated[float, AtLeast(0, "use 0 (never) or more.")]
Share = Annotated[float, AtLeast(0, "use a share of 0 to 1.", most=1)]
