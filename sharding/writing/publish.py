"""Put a finished data set in its place by renaming its folder, so that it is there whole or not at all."""

import os
from pathlib import Path
from typing import Any

from sharding.errors import DatasetError
from sharding.format.manifest import FILE_NAME
from sharding.format.manifest_file import read_manifest
from sharding.storage.files import refuse_link, sync
from sharding.writing.journal import check_workspace
from sharding.writing.own_files import JOURNAL, files_below, foreign_file, is_journal, remove_own


def partial_folder(out: Path) -> Path:
    """Where the data set grows: beside its place, because a rename cannot cross file systems."""
    return out.with_name(out.name + ".partial")


def check_neighbours(out: Path) -> None:
    """Raises DatasetError if `out` cannot be made or replaced without harm to folders beside it that are the user's."""
    check_workspace(partial_folder(out))
    replaced = _replaced_folder(out)
    refuse_link(replaced, error=DatasetError)
    foreign = foreign_file(replaced)
    if foreign is None and not (replaced / FILE_NAME).is_file():
        foreign = next(files_below(replaced), None)
    if foreign is not None or (replaced.exists() and not replaced.is_dir()):
        raise DatasetError(
            f"{replaced} is where a data set that is replaced is put for a moment, and it "
            f"{f'holds {foreign}' if foreign else 'is a file'}, which is no part of one. Move it away, or choose "
            "another --out."
        )


def recover(out: Path) -> None:
    """Finish or undo a publication that was killed between its steps; call it while holding the lock."""
    if is_journal(out / JOURNAL):
        (out / JOURNAL).unlink()
    replaced = _replaced_folder(out)
    if replaced.exists():
        if out.exists():
            remove_own(replaced)
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
    names = set(files_below(out))
    if not names:
        return False
    foreign = foreign_file(out) or (min(names) if FILE_NAME not in names else None)
    if foreign is not None:
        raise DatasetError(f"{out} holds files that are no part of a data set: {foreign}. Choose another --out.")
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
    remove_own(replaced)


def blame(error: OSError, out: Path) -> str:
    """The message of an OS error that ended everything: whether the output is at fault or an input, and the remedy."""
    reason = error.strerror or error
    if error.filename is None:
        return f"{out}: {reason}. Choose another --out."
    path = Path(os.fsdecode(error.filename)).absolute()
    written = (out, partial_folder(out), _replaced_folder(out))
    if path in out.parents or any(folder in (path, *path.parents) for folder in written):
        return f"{path}: {reason}. Choose another --out."
    return f"{path} cannot be read ({reason}). Give another input, or mend that one."


def _replaced_folder(out: Path) -> Path:
    """Where a data set that is replaced is put for a moment."""
    return out.with_name(out.name + ".replaced")
