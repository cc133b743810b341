"""Where the images of a study come from: folders of files, or runs, whose translations are made on the way."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PIL import Image

from sharding.format.manifest import View
from sharding.storage.listing import PassedOver, list_files
from trainer.config.errors import ConfigError
from trainer.pictures.files import UnreadablePictureError, picture_suffixes, read_picture

LOSSY = frozenset({".jpg", ".jpeg", ".webp", ".jp2"})
REAL = "real/"
"""Begins names of real images that belong to no input."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An image of a study."""

    name: str
    """Of its input."""
    who: str
    """Who made it: a method, TRUTH or INPUT."""
    picture: Image.Image
    what: str
    """For messages."""


class Source(Protocol):
    """Gives images."""

    def counts(self, wanted: frozenset[str] | None) -> dict[str, int]:
        """How many `images` gives of whom; no fewer than it does, and known without making any."""
        ...

    def images(self, wanted: frozenset[str] | None) -> Iterator[Shown]:
        """Its images, one by one: those of the wanted names, or all. Raises ConfigError or DatasetError."""
        ...


@dataclass(frozen=True)
class Folder:
    """Files in a folder, with those below it; the name of an input is that of its file, without suffix."""

    files: dict[str, Path]
    who: str
    prefix: str = ""

    @property
    def names(self) -> list[str]:
        """As they are in a study."""
        return [self.prefix + name for name in self.files]

    @property
    def is_lossy(self) -> bool:
        """Whether a file has been through a compression that leaves traces."""
        return any(path.suffix.lower() in LOSSY for path in self.files.values())

    def counts(self, wanted: frozenset[str] | None) -> dict[str, int]:
        """See `Source`."""
        return {self.who: sum(wanted is None or name in wanted for name in self.names)}

    def images(self, wanted: frozenset[str] | None) -> Iterator[Shown]:
        """See `Source`."""
        for own_name, path in self.files.items():
            name = self.prefix + own_name
            if wanted is None or name in wanted:
                try:
                    pixels = read_picture(path, view=View(extension="x.png"))
                except UnreadablePictureError as error:
                    raise ConfigError(self.who, str(path), f"{error}; mend it or take it away.") from error
                yield Shown(name=name, who=self.who, picture=Image.fromarray(pixels), what=str(path))


def find_folder(folder: Path, *, who: str, option: str, prefix: str = "") -> Folder:
    """The pictures of a folder.

    Raises:
        ConfigError: there is none, or two have the same name but for the suffix.
    """
    if not folder.is_dir():
        raise ConfigError(option, str(folder), "is no folder; give a folder of pictures, or a run.")
    suffixes, files = picture_suffixes(), {}
    for place, entry in list_files(folder, recursive=True, passed=PassedOver()):
        path = folder / place / entry.name
        if path.suffix.lower() not in suffixes:
            continue
        name = f"{place}{path.stem}"
        if name in files:
            raise ConfigError(option, str(path), f"and {files[name]} have one name; take one of them away.")
        files[name] = path
    if not files:
        raise ConfigError(option, str(folder), "holds no picture; give a folder of pictures, or a run.")
    return Folder(dict(sorted(files.items())), who, prefix)
