"""Put a finished data set in its place by renaming its folder, so that it is there whole or not at all."""

import re
import shutil
from pathlib import Path
from typing import Any

from sharding.journal import FILE_NAME as JOURNAL
from sharding.manifest import FILE_NAME, REJECTED, DatasetError, read_manifest
from sharding.storage.files import sync

_OWN_FILES = re.compile(
    rf"{re.escape(FILE_NAME)}|{re.escape(JOURNAL)}|{re.escape(REJECTED)}|[^/]+/([a-z][a-z0-9_]*-)?\d{{6}}\.(tar|idx)"
)


def partial_folder(out: Path) -> Path:
    """Where the data set grows: beside its place, because a rename cannot cross file systems."""
    return out.with_name(out.name + ".partial")


def recover(out: Path) -> None:
    """Finish or undo a publication that was killed between its steps; call it while holding the lock."""
    (out / JOURNAL).unlink(missing_ok=True)
    replaced = _replaced_folder(out)
    if replaced.exists():
        if out.exists():
            shutil.rmtree(replaced)
        else:
            replaced.rename(out)


def is_already_there(out: Path, *, made_by: dict[str, Any], overwrite: bool) -> bool:
    """Whether `out` holds the data set that would be made.

    Raises:
        DatasetError: something else is there that must not be replaced, or not without `overwrite`.
    """
    if not out.exists():
        return False
    if out.is_mount() or not out.is_dir():
        kind = "a mount point, which cannot be renamed to" if out.is_dir() else "a file"
        raise DatasetError(f"{out} is {kind}. Choose another folder as --out.")
    names = [path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir()]
    foreign = [name for name in names if not _OWN_FILES.fullmatch(name)]
    if foreign:
        raise DatasetError(f"{out} holds files that are no part of a data set: {foreign[0]}. Choose another --out.")
    if not names:
        return False
    if FILE_NAME in names:
        try:
            if same_recipe(read_manifest(out).made_by, made_by):
                return True
        except DatasetError:
            if not overwrite:
                raise
    if not overwrite:
        raise DatasetError(
            f"{out} holds another data set: other options, other images or another version made it. "
            f"Add --overwrite to replace it, or choose another --out."
        )
    return False


def same_recipe(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two `made_by` promise the same samples: all but the versions of the software is equal."""
    return {**one, "versions": None} == {**other, "versions": None}


def publish(partial: Path, out: Path) -> None:
    """Rename `partial` to `out`, after moving what is there out of the way."""
    replaced = _replaced_folder(out)
    for folder in (*(path for path in partial.rglob("*") if path.is_dir()), partial):
        sync(folder)
    if out.exists():
        out.rename(replaced)
    partial.rename(out)
    # The journal moves along, so that its lock holds until the data set is in place.
    (out / JOURNAL).unlink()
    sync(out.parent)
    shutil.rmtree(replaced, ignore_errors=True)


def _replaced_folder(out: Path) -> Path:
    return out.with_name(out.name + ".replaced")
