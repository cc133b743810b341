"""One shard: a deterministic tar and its index, made durable before anybody hears of them."""

import hashlib
import io
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

from sharding.index import format_index, list_samples
from sharding.manifest import DatasetError, Shard, index_path, member_checksum
from sharding.sample import Sample


def write_shard(folder: Path, path: str, samples: Sequence[Sample]) -> Shard:
    """Write `samples` to `folder / path` and the index beside it. The same samples give the same bytes.

    Samples of an unpaired data set must be of one view.

    Raises:
        DatasetError: the disk is full, or the folder cannot be written; the message names the file.
    """
    tar, index = folder / path, folder / index_path(path)
    views = {sample.view for sample in samples}
    assert len(views) == 1, f"{path}: samples of {views} in one shard"
    try:
        _write_files(tar, index, samples)
    except OSError as error:
        reason = error.strerror or error
        raise DatasetError(f"{tar} cannot be written ({reason}). Free some space, or choose another --out.") from error
    return Shard(
        path=path,
        num_samples=len(samples),
        num_bytes=tar.stat().st_size,
        sha256=file_sha256(tar),
        index_sha256=file_sha256(index),
        view=views.pop(),
    )


def _write_files(tar: Path, index: Path, samples: Sequence[Sample]) -> None:
    tar.parent.mkdir(parents=True, exist_ok=True)
    # Not webdataset's TarWriter: it writes the same tar, but importing it imports torch (7 s, 650 MB).
    with tar.open("wb") as file, tarfile.open(fileobj=file, mode="w|", format=tarfile.USTAR_FORMAT) as archive:
        for sample in samples:
            for extension, content in sample.files().items():
                archive.addfile(_header(f"{sample.key}.{extension}", content), io.BytesIO(content))
    # The index is made from what was written, not from what was meant, so it also proves that the tar is readable.
    index.write_text(format_index(list_samples(tar)), "ascii")
    sync(tar)
    sync(index)


def _header(name: str, content: bytes) -> tarfile.TarInfo:
    """Nothing of the machine, the user or the day."""
    header = tarfile.TarInfo(name)
    header.size = len(content)
    header.gname = member_checksum(content)
    header.mtime = 0
    header.mode = 0o444
    return header


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Make a file's content, or a folder's entries, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
