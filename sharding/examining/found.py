"""What was found in a data set, as figures and names of samples: JSON values, and no judgement."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sharding.examining.alike_names import AlikeNames

MOST_NAMES = 50
"""Samples that are named of each kind; all are counted."""


@dataclass(frozen=True, kw_only=True)
class Named:
    """Samples of which something is true."""

    num: int = 0
    samples: list[str] = field(default_factory=list)
    """`split/key` of the first."""


@dataclass(frozen=True, kw_only=True)
class ViewFound:
    """The pictures of one view."""

    num: int
    sizes: tuple[int, int, int, int]
    """Least and greatest height, least and greatest width, in pixels."""
    low: float
    high: float
    """Stored values."""
    value_range: tuple[float, float]
    """As the manifest says."""
    mean: float
    """Of luminance, where 0 and 255 are the ends of the value range."""
    spread: float
    """Mean standard deviation of luminance within a picture."""
    constant: Named
    """Pictures of one value only."""
    flat: Named
    """Others whose luminance has a standard deviation below 2 of 255."""
    clipped: Named
    """Pictures of which a quarter of the values are at one end of the range."""
    grey: Named
    """Pictures without colour, in a view of three channels in which most have some."""


@dataclass(frozen=True, kw_only=True)
class TwinFound:
    """Two pictures that are alike."""

    first: str
    second: str
    """`split/key`."""
    is_same: bool
    is_mirrored: bool
    likeness: float


@dataclass(frozen=True, kw_only=True)
class TwinsFound:
    """Of one view."""

    num_same: int
    num_within: dict[str, int]
    num_across: dict[str, int]
    """`test -> train`: pictures of test that have a twin in train."""
    examples: list[TwinFound]
    is_whole: bool


@dataclass(frozen=True, kw_only=True)
class PairFound:
    """How the second view lies on the first; pixels as stored."""

    first: str
    second: str
    num: int
    common_down: float
    common_right: float
    common_sharpness: float
    """Of the sum over all pairs; below 8 it tells nothing. 0 where nothing could be aligned."""
    shifted: Named
    """Pairs with a shift of their own."""
    shifts: list[tuple[float, float]]
    """Down and right, of the named ones."""
    red_blue: float | None
    """Mean correlation of red less blue; None where too few pairs have colours."""
    red_blue_deviations: float
    """How many standard errors that is from 0."""
    num_red_blue: int
    swapped: Named


@dataclass(frozen=True, kw_only=True)
class ClassesFound:
    """Of a view that shows classes."""

    shares: dict[str, float]
    """Class -> of the pixels."""
    pictures: dict[str, int]
    """Class -> pictures in which it occurs."""
    none: float
    """Share of pixels of no class."""
    num: int


@dataclass(frozen=True, kw_only=True)
class Found:
    """All of a data set."""

    name: str
    kind: str
    num_looked: int
    num_samples: int
    is_interrupted: bool
    splits: dict[str, dict[str, int]]
    """Split -> view -> pictures that the manifest has."""
    views: dict[str, ViewFound]
    unreadable: Named
    problems: list[str]
    """Why the named ones could not be read."""
    twins: dict[str, TwinsFound]
    pairs: list[PairFound]
    classes: dict[str, ClassesFound]
    labels: dict[str, dict[str, dict[str, int]]]
    """Label -> split -> value -> samples looked at."""
    alike_names: list[AlikeNames]

    def to_record(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def named(rows: Sequence[int], names: "Sequence[str]") -> Named:
    """Of rows; `names` has the name of each row of the table."""
    return Named(num=len(rows), samples=[names[int(row)] for row in rows[:MOST_NAMES]])
