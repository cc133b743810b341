"""One shard: a deterministic tar and its index, made durable before anybody hears of them."""

import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from sharding.errors import DatasetError
from sharding.format.bounds import MOST_INDEX_BYTES
from sharding.format.index import Member, format_index, list_samples
from sharding.format.manifest import Shard, index_path, member_checksum
from sharding.storage.files import create, sync
from sharding.work.plan import Sample


class HashingFile(io.RawIOBase):
    """Writes to a file and hashes what passes, so that it need not be read again."""

    def __init__(self, file: IO[bytes]) -> None:
        self.sha256 = hashlib.sha256()
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        self.sha256.update(data)
        return self._file.write(data)


def write_shard(folder: Path, path: str, samples: Iterable[Sample]) -> Shard | None:
    """Write `samples` to `folder / path` and the index beside it. The same samples give the same bytes.

    Samples are taken one by one, so a shard may be larger than the memory. Those of an unpaired data set must be of one
    view. Without samples there is no shard.

    Raises:
        DatasetError: the disk is full, or the folder cannot be written; the message names the file.
    """
    tar = folder / path
    views: set[str | None] = set()

    def of_one_view() -> Iterator[Sample]:
        for sample in samples:
            views.add(sample.view)
            assert len(views) == 1, f"{path}: samples of {views} in one shard"
            yield sample

    try:
        sha256 = _write_tar(tar, of_one_view())
        if not views:
            tar.unlink()
            return None
        # Made from what was written, not from what was meant, so it also proves that the tar is readable.
        members = list_samples(tar)
        index_sha256 = _write_index(folder / index_path(path), members)
        sync(tar)
    except OSError as error:
        reason = error.strerror or error
        raise DatasetError(f"{tar} cannot be written ({reason}). Free some space, or choose another --out.") from error
    return Shard(
        path=path,
        num_samples=len(members),
        num_bytes=tar.stat().st_size,
        sha256=sha256,
        index_sha256=index_sha256,
        view=views.pop(),
    )


def _write_tar(tar: Path, samples: Iterable[Sample]) -> str:
    """Write it. Returns its SHA-256."""
    tar.parent.mkdir(parents=True, exist_ok=True)
    # Not webdataset's TarWriter: it writes the same tar, but importing it imports torch (7 s, 650 MB).
    with _create_anew(tar) as file:
        hashing = HashingFile(file)
        with tarfile.open(fileobj=hashing, mode="w|", format=tarfile.USTAR_FORMAT) as archive:
            for sample in samples:
                for extension, content in sample.files().items():
                    archive.addfile(_header(f"{sample.key}.{extension}", content), io.BytesIO(content))
    return hashing.sha256.hexdigest()


def _write_index(index: Path, members: list[list[Member]]) -> str:
    """Write it, durably. Returns its SHA-256."""
    text = format_index(members).encode("ascii")
    if len(text) > MOST_INDEX_BYTES:
        raise DatasetError(f"{index} would have {len(text)} bytes. Put fewer samples in a shard: --shard-samples.")
    with _create_anew(index) as file:
        file.write(text)
    sync(index)
    return hashlib.sha256(text).hexdigest()


def _create_anew(path: Path) -> IO[bytes]:
    """Create the file in place of what a worker that was killed has left there."""
    path.unlink(missing_ok=True)
    return create(path)


def tar_bytes(num_bytes: int) -> int:
    """What a file of so many bytes takes up in a tar: a header, and the content up to a whole block."""
    return tarfile.BLOCKSIZE * (1 + -(-num_bytes // tarfile.BLOCKSIZE))


def _header(name: str, content: bytes) -> tarfile.TarInfo:
    """Nothing of the machine, the user or the day."""
    header = tarfile.TarInfo(name)
    header.size = len(content)
    header.gname = member_checksum(content)
    header.mtime = 0
    header.mode = 0o444
    return header
