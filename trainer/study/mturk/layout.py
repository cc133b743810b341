"""Names of images, and of columns, as the papers' tool has them: `gt/12.png` is real, `METHOD/12.png` generated."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from trainer.config.errors import ConfigError
from trainer.study.answers import TRUTH
from trainer.study.design import INPUT, Design

REAL = "gt"
CHECKS = "vigilance"
"""Folder of images in pieces, for attention checks."""
SIDES = ("left", "right")
"""Left is what is shown first."""
_FOLDER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Cell:
    """An image: whose, and of which input."""

    who: str
    """A method, TRUTH or CHECKS."""
    image: str
    file: str
    """Its name in the study."""


@dataclass(frozen=True)
class Layout:
    """All images of a study under the names that workers' browsers get."""

    design: Design

    @cached_property
    def cells(self) -> dict[str, Cell]:
        """`gt/12.png` and so on: numbers are those of the inputs, in alphabetical order, from 0."""
        numbers = {image: number for number, image in enumerate(sorted(self.design.images))}
        found = {}
        for image, number in numbers.items():
            for who, file in self.design.images[image].items():
                if who != INPUT:
                    found[f"{REAL if who == TRUTH else who}/{number}.png"] = Cell(who, image, file)
            if image in self.design.checks:
                found[f"{CHECKS}/{number}.png"] = Cell(CHECKS, image, self.design.checks[image])
        return found

    @cached_property
    def names(self) -> dict[str, str]:
        """File of the study -> its name here."""
        return {cell.file: name for name, cell in self.cells.items()}


def layout_of(design: Design) -> Layout:
    """Raises ConfigError if the format cannot say what the study asks."""
    if design.protocol != "real-or-fake":
        remedy = "the format of MTurk's tool has real-or-fake alone; create a study with that, or serve this one."
        raise ConfigError("protocol", design.protocol, remedy)
    for method in design.methods:
        if method in (REAL, CHECKS) or not _FOLDER.fullmatch(method) or PurePosixPath(method).name != method:
            remedy = (
                f"is to be the name of a folder of images: letters, digits, `_`, `-` and `.`; not {REAL} or {CHECKS}."
            )
            raise ConfigError("method", method, f"{remedy} Create the study with another name.")
    return Layout(design)


def columns(num_trials: int) -> list[str]:
    """Of the file that goes in, in this order."""
    return [f"{name}{trial}" for name in ("gt_side", "images_left", "images_right") for trial in range(num_trials)]
