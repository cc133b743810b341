"""What loggers are told of an evaluation that is done: scores, pictures, the images at both ends, and of what it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """An image of a split, what it scored, and how it looks."""

    key: str
    """Name of its sample."""
    end: str
    """`worst` or `best`."""
    value: float
    images: Mapping[str, "Image.Image"]
    """By the titles that the method's pictures have: `input`, `translation`, `target`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluated:
    """One split, scored."""

    split: str
    position: int
    """Images that the run had seen."""
    scores: Mapping[str, float]
    """By the keys of metrics: `eval/psnr`, `baseline/mean/psnr`."""
    chief: str | None = None
    """Key of the score that `cases` are ordered by."""
    cases: tuple[Shown, ...] = ()
    """From both ends of the split."""
    pictures: Mapping[str, Path] = field(default_factory=dict)
    """PNG files by what they show."""
    checkpoint: "Lineage | None" = None
    """The networks that were scored."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lineage:
    """A thing that a run is made of, or makes, by its content: a data set, a checkpoint."""

    name: str
    """Letters, digits, `-`, `_` and `.` alone."""
    kind: Literal["dataset", "model"]
    files: Mapping[str, str]
    """Name -> SHA-256."""
    metadata: Mapping[str, Any]
    folder: Path | None = None
    """Where the files lie, if they are to be sent as well."""
