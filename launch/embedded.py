"""Data sets that presets need and Diptych makes itself, from packages alone."""

import re
from pathlib import Path

from sharding.errors import DatasetError
from sharding.format.manifest import FILE_NAME
from sharding.storage.place import Place, Url
from trainer.config.errors import ConfigError

_COMMANDS = {
    "earth": ["earth"],
    "glyphs": ["glyphs"],
    "glyph-styles": ["glyphs", "--layout", "styles"],
    "glyph-digits": ["glyphs", "--layout", "styles", "--characters", "0123456789", "--variations", "6"],
}
"""What `diptych shard` is told for a data set called `<name>-<size>`."""


def embedded_command(folder: Path) -> list[str] | None:
    """Arguments of `diptych shard` that make the data set in `folder`, e.g. data/earth-128; None if it is not ours."""
    match = re.fullmatch(r"([a-z-]+)-(\d+)", folder.name)
    if match is None or match[1] not in _COMMANDS:
        return None
    return [*_COMMANDS[match[1]], "--out", str(folder), "--size", match[2], "--shard-samples", "64"]


def require_makeable(folder: Place) -> list[str]:
    """As `embedded_command`; empty where there is a data set, or a remote one. Raises ConfigError if it is not ours."""
    if isinstance(folder, Url) or (folder / FILE_NAME).is_file():
        return []
    command = embedded_command(folder)
    if command is None:
        raise ConfigError("data.path", str(folder), "no data set is there; make one with `diptych shard --help`.")
    return command


def ensure_dataset(folder: Place) -> None:
    """Make the embedded data set in `folder` if it is not there. A remote place is left to whoever reads it.

    Raises:
        ConfigError: it is not there, and is not one that Diptych can make.
        DatasetError: making it failed.
    """
    if isinstance(folder, Url) or (folder / FILE_NAME).is_file():
        return
    command = require_makeable(folder)
    from filelock import FileLock  # with asyncio behind it

    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.lock")):  # a machine may have several agents of a launch, as on Ray
        if not (folder / FILE_NAME).is_file():
            _make(folder, command)


def _make(folder: Path, command: list[str]) -> None:
    from sharding.cli import main as shard

    if shard(command) != 0:
        raise DatasetError(f"{folder} could not be made; see the message above.")
