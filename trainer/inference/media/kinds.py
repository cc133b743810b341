"""What kind of file an input of `diptych translate` is, and what its translation becomes. Imports no torch."""

from pathlib import Path
from typing import Literal

from sharding.errors import DatasetError
from sharding.format.codec.tiff_rows import place_tags
from trainer.pictures.files import picture_suffixes

Medium = Literal["picture", "map"]
"""`map`: a TIFF that says where it lies on Earth."""

_TIFF = (".tif", ".tiff")


def suffixes() -> frozenset[str]:
    """Lower-case endings of the files that can be translated."""
    return picture_suffixes()


def medium_of(file: Path) -> Medium:
    """By its name, and of a TIFF by its tags too; a damaged one is a picture, whose reading says what is wrong."""
    if file.suffix.lower() in _TIFF:
        try:
            return "map" if place_tags(file) else "picture"
        except DatasetError:
            pass
    return "picture"


def result_name(file: Path, *, suffix: str) -> str:
    """The name of a file's translation.

    Args:
        suffix: that of a plain picture's.
    """
    return file.with_suffix(".tif" if medium_of(file) == "map" else suffix).name
