"""Archives of strangers, unpacked: nothing lands outside the folder, no link is made, and no archive fills the disk."""

import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from sharding.errors import DatasetError
from sharding.storage.files import create

_LARGEST_FACTOR = 10
"""Of what comes out to what went in: pictures are compressed already."""
_SLACK_BYTES = 2**24
_MOST_FILES = 2_000_000
_PIECE_BYTES = 2**20


@dataclass(frozen=True, kw_only=True)
class _Entry:
    name: str
    kind: str
    """`file`, `folder`, or what else it is."""
    open: Callable[[], IO[bytes] | None]


def unpack(archive: Path, folder: Path) -> int:
    """Write all files of a tar or zip below a folder that is there, and empty. Returns their number.

    Raises:
        DatasetError: it is damaged, or holds what no data set holds: paths that lead elsewhere, links, devices, a file
            twice, or more than ten times its own size. The message names it; what was written remains.
        OSError: a file cannot be written.
    """
    most = archive.stat().st_size * _LARGEST_FACTOR + _SLACK_BYTES
    num_files = num_bytes = 0
    with _entries(archive) as entries:
        for entry in entries:
            place = folder / _checked(entry, archive)
            if entry.kind == "folder":
                place.mkdir(parents=True, exist_ok=True)
                continue
            num_files += 1
            if num_files > _MOST_FILES:
                raise DatasetError(f"{archive}: holds more than {_MOST_FILES} files. Check where it comes from.")
            place.parent.mkdir(parents=True, exist_ok=True)
            num_bytes += _write(entry, place, archive=archive, most=most - num_bytes)
    return num_files


def _write(entry: _Entry, place: Path, *, archive: Path, most: int) -> int:
    written = 0
    source = entry.open()
    assert source is not None
    try:
        file = create(place)
    except FileExistsError as error:
        raise DatasetError(f"{archive}: holds {entry.name!r} twice. Check where it comes from.") from error
    with source, file:
        while piece := source.read(_PIECE_BYTES):
            written += len(piece)
            if written > most:
                raise DatasetError(
                    f"{archive}: unpacks to more than {_LARGEST_FACTOR} times its size, at {entry.name!r}; pictures "
                    "do not. Check where it comes from."
                )
            file.write(piece)
    return written


def _checked(entry: _Entry, archive: Path) -> PurePosixPath:
    """Where an entry goes, relative to the folder."""
    path = PurePosixPath(entry.name)
    if entry.kind not in ("file", "folder"):
        raise DatasetError(
            f"{archive}: {entry.name!r} is {entry.kind}; a data set holds files alone. It is not unpacked."
        )
    if path.is_absolute() or ".." in path.parts or "\\" in entry.name or "\0" in entry.name:
        raise DatasetError(f"{archive}: {entry.name!r} would lie outside its folder. It is not unpacked.")
    return path


@contextmanager
def _entries(archive: Path) -> Iterator[Iterator[_Entry]]:
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                yield _of_zip(opened)
        else:
            with tarfile.open(archive, "r:*") as opened:
                yield _of_tar(opened)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DatasetError(
            f"{archive}: is no archive, or is damaged ({error}). Remove it, and fetch it again."
        ) from error
    except ValueError as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{archive}: is damaged ({error}). Remove it, and fetch it again.") from error


def _of_zip(archive: zipfile.ZipFile) -> Iterator[_Entry]:
    for info in archive.infolist():
        mode = info.external_attr >> 16
        is_plain = stat.S_IFMT(mode) in (0, stat.S_IFREG, stat.S_IFDIR)
        kind = ("folder" if info.is_dir() else "file") if is_plain else "a link or a device"
        yield _Entry(name=info.filename, kind=kind, open=lambda info=info: archive.open(info))


def _of_tar(archive: tarfile.TarFile) -> Iterator[_Entry]:
    for member in archive:
        kind = "file" if member.isreg() else "folder" if member.isdir() else "a link or a device"
        yield _Entry(name=member.name, kind=kind, open=lambda member=member: archive.extractfile(member))
