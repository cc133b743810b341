"""Files of a remote data set for a moment, as they lie there: neither from the cache nor for it."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sharding.errors import DatasetError
from sharding.storage.download import MissingError, download, read_small
from sharding.storage.place import Place, Url
from sharding.storage.transfer import TransferError, list_files


@contextmanager
def local_copies(place: Place, files: Mapping[str, int | None]) -> Iterator[Path]:
    """A folder in which some files of a data set lie, under their names in it.

    From a remote place they are fetched, to a temporary folder; what is missing there is missing here.

    Args:
        files: names, relative to the place -> the bytes that they should have; None: few.

    Raises:
        RemoteError: the place cannot be read.
        DatasetError: there is no room on this machine.
    """
    if isinstance(place, Path):
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="diptych-") as name:
        folder = Path(name)
        for file, num_bytes in files.items():
            try:
                _fetch(place / file, folder / file, num_bytes=num_bytes)
            except OSError as error:
                raise DatasetError(
                    f"{place / file} cannot be copied to {folder} ({error.strerror or error}). Free some space, or "
                    "choose another folder with the variable TMPDIR."
                ) from error
        yield folder


def _fetch(url: Url, path: Path, *, num_bytes: int | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        if num_bytes is None:
            path.write_bytes(read_small(url))
            return
        with path.open("wb") as file:
            download(url, file, num_bytes=num_bytes)
    except MissingError:
        path.unlink(missing_ok=True)


def names_of_files(place: Place) -> list[str] | None:
    """Of all files of a data set, relative to it and sorted; None where that cannot be asked: HTTP has no folders.

    Raises:
        DatasetError: the place cannot be listed.
    """
    if isinstance(place, Path):
        return sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if not path.is_dir())
    try:
        names = list_files(place)
    except TransferError as error:
        raise DatasetError(f"{place} cannot be listed ({error}). Check the address and the credentials.") from error
    return None if names is None else sorted(names)
