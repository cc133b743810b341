"""DALI's index of a WebDataset tar, version 1.2: where each member of each sample lies.

First line `v1.2 <samples>`, then one line per sample with `<extension> <offset> <bytes> <name>` for each member, as
DALI's own `wds2idx` writes it. `wds2idx` starts two `tar` processes per shard and takes Python's fallback for a broken
tar in silence; this module reads each header once and refuses such a tar.
"""

import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from sharding.errors import DatasetError

VERSION = "v1.2"
CHUNK = 2**20
"""Bytes of one read."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One file inside a tar."""

    extension: str
    """All that follows the first dot of the name, e.g. `relief.jpg`."""
    offset: int
    """Bytes from the start of the tar to the first byte of the content."""
    num_bytes: int
    name: str

    @property
    def key(self) -> str:
        """The sample's name: all before the first dot of the name."""
        return self.name.partition(".")[0]


def list_samples(tar: Path) -> list[list[Member]]:
    """The members of each sample of a tar; neighbours with the same name up to the first dot are one sample.

    Reads the headers and skips the contents.

    Raises:
        DatasetError: the file is no tar of plain files, or it is damaged or cut short; the message names it.
    """
    try:
        with tarfile.open(tar, "r:") as archive:
            samples = [list(sample) for _, sample in groupby(map(as_member, archive), key=lambda member: member.key)]
            end = archive.offset
    except OSError:
        raise
    except Exception as error:  # tarfile raises almost anything on a broken tar
        raise unreadable(tar, error) from error
    with tar.open("rb") as file:
        file.seek(end)
        check_end(tar, pieces(file))
    return samples


def as_member(info: tarfile.TarInfo) -> Member:
    """Where a member lies.

    Raises:
        ValueError: it is no plain file.
    """
    if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or info.issparse() or info.size < 0:
        raise ValueError(f"its member {info.name!r} is no plain file")
    extension = info.name.partition(".")[2]
    return Member(extension=extension, offset=info.offset_data, num_bytes=info.size, name=info.name)


def check_end(tar: Path, rest: Iterable[bytes]) -> None:
    """Check all that follows a tar's last member. `tarfile` stops in silence where it finds no further header.

    Raises:
        DatasetError: it is not the tar's end, a block of zeros or more.
    """
    num_bytes = 0
    for piece in rest:
        num_bytes += len(piece)
        if piece.count(0) < len(piece):
            raise DatasetError(
                f"{tar} is damaged: what follows its last readable member is not its end. Shard the images again."
            )
    if num_bytes < tarfile.BLOCKSIZE:
        raise DatasetError(f"{tar} is cut short. Shard the images again.")


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """The rest of a file, 1 MB at a time."""
    while piece := file.read(CHUNK):
        yield piece


def unreadable(tar: Path, error: Exception) -> DatasetError:
    """What to say where `tarfile` gives up."""
    return DatasetError(f"{tar} is no readable tar ({error or type(error).__name__}). Shard the images again.")


def format_index(samples: Iterable[list[Member]]) -> str:
    """The text of an index file."""
    lines = [" ".join(f"{m.extension} {m.offset} {m.num_bytes} {m.name}" for m in sample) for sample in samples]
    return "\n".join([f"{VERSION} {len(lines)}", *lines, ""])
