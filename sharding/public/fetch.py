"""Fetches the archive of a public data set, from where it was stopped, and unpacks it."""

import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sharding.errors import DatasetError
from sharding.public.archive import unpack
from sharding.public.sets import PublicSet
from sharding.storage.download import RemoteError, download
from sharding.storage.failure import TransferError
from sharding.storage.files import read_regular, refuse_link, write_atomically
from sharding.storage.place import Url
from sharding.storage.transfer import Answer

_PIECE_BYTES = 2**20
_UNKNOWN_BYTES = 2**44


def fetch_archive(
    url: Url, folder: Path, *, sha256: str | None, progress: Callable[[int, int], object]
) -> tuple[Path, str]:
    """The archive at an address, in a folder, and its SHA-256; what an earlier call has brought is not asked for again.

    Beside it `NAME.json` records address, bytes and SHA-256; a part that was stopped is `NAME.part`.

    Args:
        sha256: what it must be; None where nobody knows: then of an archive that was fetched before, the recorded one.
        progress: hears the bytes that are here, and all.

    Raises:
        RemoteError: it cannot be had.
        DatasetError: it is not what it must be; then it is kept as `NAME.part` no longer.
        OSError: it cannot be written.
    """
    name = url.text.rpartition("/")[2]
    archive, part = folder / name, folder / f"{name}.part"
    for place in (archive, part):
        refuse_link(place, error=DatasetError)
    if archive.is_file():
        found = _digest_of(archive).hexdigest()
        _require(found, sha256 or _recorded(archive), archive)
        return archive, found
    total = _size_of(url)
    if part.is_file() and total is not None and part.stat().st_size > total:
        part.unlink()  # of another version of the file
    with _Watched(part, progress, total or 0) as file:
        held = (file.tell(), _digest_of(part))
        found = download(url, file, num_bytes=total or _UNKNOWN_BYTES, held=held)
    assert found is not None
    if sha256 is not None and found != sha256:
        part.unlink()
    _require(found, sha256, archive)
    part.replace(archive)
    record = {"url": str(url), "num_bytes": archive.stat().st_size, "sha256": found}
    write_atomically(_record_of(archive), (json.dumps(record, indent=2) + "\n").encode())
    return archive, found


def fetched_images(public: PublicSet, archive: Path, folder: Path) -> Path:
    """The folder of a set's pictures, unpacked whole or not at all.

    Raises:
        DatasetError: see `unpack`; or it does not hold what the set's archive does.
    """
    whole, begun = folder / public.name, folder / f".{public.name}.part"
    for place in (whole, begun):
        refuse_link(place, error=DatasetError)
    if not whole.is_dir():
        shutil.rmtree(begun, ignore_errors=True)
        begun.mkdir()
        unpack(archive, begun)
        _images_in(public, begun)
        begun.replace(whole)
    return _images_in(public, whole)


def _images_in(public: PublicSet, folder: Path) -> Path:
    """Where the folders of splits lie: in one of the set's name, or at once."""
    wanted = "trainA" if public.layout == "unpaired" else "train"
    for place in (folder / public.name, folder):
        if (place / wanted).is_dir():
            return place
    found = ", ".join(sorted(entry.name for entry in folder.iterdir())[:5]) or "nothing"
    raise DatasetError(f"{public.archive} holds no folder {wanted!r}, but {found}. Check the address; remove {folder}.")


class _Watched(io.BufferedWriter):
    """A file that is added to, whose growth is told."""

    def __init__(self, path: Path, progress: Callable[[int, int], object], total: int) -> None:
        super().__init__(io.FileIO(path, "ab"))
        self._progress, self._total = progress, total

    def write(self, piece: Any, /) -> int:
        written = super().write(piece)
        self._progress(self.tell(), max(self.tell(), self._total))
        return written


def _size_of(url: Url) -> int | None:
    try:
        with Answer(url, 0, 1) as answer:
            return answer.num_bytes()
    except TransferError as error:
        if error.is_lasting:
            raise RemoteError(
                f"{url} cannot be read ({error}). Check the address, or give --base-url of a copy."
            ) from error
        return None  # `download` rides the outage out


def _digest_of(path: Path) -> "hashlib._Hash":
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return digest


def _record_of(archive: Path) -> Path:
    return archive.with_name(f"{archive.name}.json")


def _recorded(archive: Path) -> str | None:
    try:
        return json.loads(read_regular(_record_of(archive), most=2**16))["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _require(found: str, wanted: str | None, archive: Path) -> None:
    if wanted is not None and found != wanted:
        raise DatasetError(
            f"{archive}: has the SHA-256 {found}, and {wanted} was expected. Remove it, and fetch it again."
        )
