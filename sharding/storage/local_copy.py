"""Shards of a remote data set as files for a moment, as they lie there: neither from the cache nor for it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sharding.manifest import DatasetError, Shard, index_path
from sharding.storage.download import MissingError, download, read_small
from sharding.storage.place import Place
from sharding.storage.transfer import TransferError, list_files


@contextmanager
def local_shard(place: Place, shard: Shard) -> Iterator[Path]:
    """The folder in which a shard and its index lie, under their names in the manifest.

    From a remote place they are fetched, to a temporary folder; what is missing there is missing here.

    Raises:
        RemoteError: the place cannot be read.
        DatasetError: there is no room on this machine.
    """
    if isinstance(place, Path):
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="diptych-") as name:
        folder = Path(name)
        try:
            _fetch(place, shard, folder)
        except OSError as error:
            raise DatasetError(
                f"{place / shard.path} cannot be copied to {folder} ({error.strerror or error}). Free some space, or "
                "choose another folder with the variable TMPDIR."
            ) from error
        yield folder


def _fetch(place: Place, shard: Shard, folder: Path) -> None:
    assert not isinstance(place, Path)
    tar, index = folder / shard.path, folder / index_path(shard.path)
    tar.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tar.open("wb") as file:
            download(place / shard.path, file, num_bytes=shard.num_bytes)
    except MissingError:
        tar.unlink()
    try:
        index.write_bytes(read_small(place / index_path(shard.path)))
    except MissingError:
        return


def names_of_files(place: Place) -> list[str] | None:
    """Of all files of a data set, relative to it and sorted; None where that cannot be asked: HTTP has no folders.

    Raises:
        DatasetError: the place cannot be listed.
    """
    if isinstance(place, Path):
        return sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())
    try:
        names = list_files(place)
    except TransferError as error:
        raise DatasetError(f"{place} cannot be listed ({error}). Check the address and the credentials.") from error
    return None if names is None else sorted(names)
