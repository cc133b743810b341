"""What is told of files while they are translated, by whichever process does it. Imports no torch."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trainer.inference.sources import Source


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A source passes through the networks from now on; of several that do together, the first."""

    source: Source


@dataclass(frozen=True, kw_only=True)
class Written:
    """One translation lies whole on disk."""

    targets: tuple[Path, ...]
    """The first is the picture."""


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A source that could not be read, or is too large for the memory."""

    source: Source
    reason: str


@dataclass(frozen=True, kw_only=True)
class Translated:
    """What was found in a source that was translated."""

    source: Source
    pixels: int
    """Of all that was made of it."""
    beyond: float
    """How many of its values lay beyond the view's range, of 1."""
    note: str = ""
    """What people should know of it."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """Nothing more becomes of a source."""

    source: Source


Event = Begun | Written | Failed | Translated | Done
Tell = Callable[[Event], object]
