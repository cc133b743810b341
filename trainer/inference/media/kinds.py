"""What kind of file an input of `diptych translate` is, and what its translation becomes. Imports no torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from sharding.errors import DatasetError
from sharding.format.codec.tiff_rows import place_tags
from trainer.inference.media.stacks import is_stack
from trainer.inference.sources import Source
from trainer.pictures.files import picture_suffixes

Medium = Literal["picture", "map", "stack", "video", "volume"]
"""`map`: a TIFF that says where it lies on Earth. `stack`: one of several planes, or an OME-TIFF."""

MODULES: Mapping[Medium, str] = {"video": "av", "volume": "nibabel"}
"""What reads and writes those that need a package of their own."""

_TIFF = (".tif", ".tiff")
_VIDEOS = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"})
_PACKED_VOLUME, _VOLUME = ".nii.gz", ".nii"


def is_known(file: Path) -> bool:
    """Whether a file can be translated, by its name."""
    return _is_volume(file) or file.suffix.lower() in picture_suffixes() | _VIDEOS


def _is_volume(file: Path) -> bool:
    return file.name.lower().endswith((_PACKED_VOLUME, _VOLUME))


def medium_of(file: Source) -> Medium:
    """By its name, and of a TIFF by its tags too; a damaged one is a picture, whose reading says what is wrong.

    What lies in a shard is a picture.
    """
    if not isinstance(file, Path):
        return "picture"
    if _is_volume(file):
        return "volume"
    if file.suffix.lower() in _VIDEOS:
        return "video"
    if file.suffix.lower() in _TIFF:
        try:
            if place_tags(file):
                return "map"
            return "stack" if is_stack(file) else "picture"
        except DatasetError:
            pass
    return "picture"


def result_name(file: Path, *, suffix: str) -> str:
    """The name of a file's translation.

    Args:
        suffix: that of a plain picture's.
    """
    match medium_of(file):
        case "map":
            return file.with_suffix(".tif").name
        case "stack":
            is_ome = Path(file.stem).suffix.lower() == ".ome"
            return f"{Path(file.stem).stem}.ome.tif" if is_ome else f"{file.stem}.tif"
        case "video":
            return file.with_suffix(".mp4").name
        case "volume":
            return f"{file.name[: file.name.lower().rindex(_VOLUME)]}{_PACKED_VOLUME}"
        case _:
            return file.with_suffix(suffix).name
