"""DALI's index of a WebDataset tar, version 1.2: where each member of each sample lies.

First line `v1.2 <samples>`, then one line per sample with `<extension> <offset> <bytes> <name>` for each member, as
DALI's own `wds2idx` writes it. `wds2idx` starts two `tar` processes per shard and takes Python's fallback for a broken
tar in silence; this module reads each header once and refuses such a tar.
"""

import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sharding.manifest import DatasetError

VERSION = "v1.2"


@dataclass(frozen=True, kw_only=True)
class Member:
    """One file inside a tar."""

    extension: str
    """All that follows the first dot of the name, e.g. `relief.jpg`."""
    offset: int
    """Bytes from the start of the tar to the first byte of the content."""
    num_bytes: int
    name: str


def list_samples(tar: Path) -> list[list[Member]]:
    """The members of each sample of a tar; neighbours with the same name up to the first dot are one sample.

    Raises:
        DatasetError: the file is no tar, or it is cut short; the message names it.
    """
    samples: list[list[Member]] = []
    last_key = None
    for member in _members(tar):
        key, _, extension = member.name.partition(".")
        if key != last_key:
            samples.append([])
            last_key = key
        samples[-1].append(
            Member(extension=extension, offset=member.offset_data, num_bytes=member.size, name=member.name)
        )
    return samples


def _members(tar: Path) -> list[tarfile.TarInfo]:
    try:
        with tarfile.open(tar, "r:") as archive:
            members = archive.getmembers()
            end = archive.offset
    except (tarfile.TarError, EOFError) as error:
        raise DatasetError(f"{tar} is no readable tar ({error}). Shard the images again.") from error
    # tarfile takes a tar without its two closing zero blocks for whole, even if the last content is missing.
    if tar.stat().st_size < end + tarfile.BLOCKSIZE:
        raise DatasetError(f"{tar} is cut short after {tar.stat().st_size} bytes. Shard the images again.")
    return members


def format_index(samples: Iterable[list[Member]]) -> str:
    """The text of an index file."""
    lines = [" ".join(f"{m.extension} {m.offset} {m.num_bytes} {m.name}" for m in sample) for sample in samples]
    return "\n".join([f"{VERSION} {len(lines)}", *lines, ""])


def read_index(path: Path) -> list[list[Member]]:
    """The members of each sample, as the index file tells.

    Raises:
        DatasetError: it is no index of version 1.2, or it is cut short; the message names it.
    """
    try:
        header, *lines = path.read_text("ascii").splitlines()
        version, count = header.split()
        samples = [_parse_line(line) for line in lines]
    except ValueError as error:
        raise DatasetError(f"{path} is no DALI index {VERSION} ({error}). Shard the images again.") from error
    if version != VERSION or int(count) != len(samples):
        raise DatasetError(
            f"{path} announces {count} samples of version {version} and holds {len(samples)}; expected {VERSION}. "
            f"Shard the images again."
        )
    return samples


def _parse_line(line: str) -> list[Member]:
    words = line.split()
    if not words or len(words) % 4:
        raise ValueError(f"{len(words)} words in a line, not a multiple of 4")
    return [
        Member(extension=extension, offset=int(offset), num_bytes=int(num_bytes), name=name)
        for extension, offset, num_bytes, name in zip(*[iter(words)] * 4, strict=True)
    ]
