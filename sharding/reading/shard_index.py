"""Where the members of a shard's samples lie: its index, checked against the manifest before anything is read by it."""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharding.errors import DatasetError
from sharding.format.index import VERSION
from sharding.format.manifest import Shard, is_key
from sharding.format.member import HEADER_BYTES
from sharding.reading.shard_files import REMEDY
from sharding.storage.place import Place


@dataclass(frozen=True, kw_only=True)
class ShardIndex:
    """Where the wanted members of each sample lie in one tar: one for each wanted view, then the labels' if wanted."""

    keys: list[str]
    """Names of the samples, in stored order."""
    offsets: NDArray[np.int64]
    """[num_samples, num_members] bytes from the beginning of the tar."""
    sizes: NDArray[np.int64]
    """[num_samples, num_members] bytes."""

    def only(self, names: Collection[str]) -> "ShardIndex":
        """The samples of these names."""
        rows = [row for row, key in enumerate(self.keys) if key in names]
        return ShardIndex(keys=[self.keys[row] for row in rows], offsets=self.offsets[rows], sizes=self.sizes[rows])


def parse_index(content: bytes, shard: Shard, *, path: Place, most_bytes: Mapping[str, int]) -> ShardIndex:
    """Check the DALI index of a shard, and look members up in it.

    Its first line is `v1.2 <num_samples>`; then a line for each sample repeats `extension offset size
    filename`.

    Args:
        path: of the index, for messages.
        most_bytes: that each of the wanted members may have, by extension.

    Raises:
        DatasetError: it is not the one in the manifest, lacks a member, or has one that is too large, points past the
            tar's end, or is called what no sample may be called.
    """
    if hashlib.sha256(content).hexdigest() != shard.index_sha256:
        raise DatasetError(f"{path} is not the index that the manifest lists (SHA-256 differs). {REMEDY}.")
    try:
        index = _parse_index(path, content, shard, extensions=list(most_bytes))
    except DatasetError:
        raise
    except (ValueError, OverflowError) as error:
        raise DatasetError(f"{path} is no DALI index ({error}). {REMEDY}.") from error
    _check_places(path, index, shard, most_bytes=most_bytes)
    return index


def _check_places(path: Place, index: ShardIndex, shard: Shard, *, most_bytes: Mapping[str, int]) -> None:
    offsets, sizes = index.offsets, index.sizes
    # The sum is judged last: of numbers near 2**63 it would be negative.
    is_beyond = (offsets < HEADER_BYTES) | (offsets > shard.num_bytes) | (sizes < 0) | (sizes > shard.num_bytes)
    beyond = np.flatnonzero((is_beyond | (offsets + sizes > shard.num_bytes)).any(axis=1))
    if beyond.size:
        raise DatasetError(f"{path} places sample {index.keys[beyond[0]]!r} outside its tar. {REMEDY}.")
    most = list(most_bytes.values())
    large = np.argwhere(sizes > np.array(most, np.int64)) if most else ()
    for row, column in large[:1]:
        raise DatasetError(
            f"{path}: sample {index.keys[row]!r} has {sizes[row, column]} bytes in its member "
            f"{list(most_bytes)[column]}, where {most[column]} are the most. {REMEDY}."
        )


def _parse_index(path: Place, content: bytes, shard: Shard, *, extensions: Sequence[str]) -> ShardIndex:
    header, *lines = content.decode("ascii").splitlines() or [""]
    if header != f"{VERSION} {shard.num_samples}" or len(lines) != shard.num_samples:
        raise DatasetError(
            f"{path} begins with {header[:40]!r} and has {len(lines)} samples; expected is '{VERSION}"
            f" {shard.num_samples}'. {REMEDY}."
        )
    members = [_parse_members(path, line, extensions=extensions) for line in lines]
    if len({key for key, _ in members}) < len(members):
        twice = Counter(key for key, _ in members).most_common(1)[0][0]
        raise DatasetError(f"{path} holds the sample {twice!r} twice. {REMEDY}.")
    places = np.array([place for _, place in members], dtype=np.int64).reshape(len(members), len(extensions), 2)
    return ShardIndex(keys=[key for key, _ in members], offsets=places[..., 0], sizes=places[..., 1])


def _parse_members(path: Place, line: str, *, extensions: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """The key of one sample, and (offset, size) of each wanted member."""
    fields = line.split()
    if not fields or len(fields) % 4:
        raise DatasetError(f"{path}: {line[:200]!r} is not made of 'extension offset size filename'. {REMEDY}.")
    key = fields[3].removesuffix(f".{fields[0]}")
    if not is_key(key) or any(fields[at + 3] != f"{key}.{fields[at]}" for at in range(0, len(fields), 4)):
        raise DatasetError(
            f"{path}: {line[:200]!r} names no sample; each file must be called KEY.extension, with one key of letters, "
            f"digits, _, - and %. {REMEDY}."
        )
    members = {fields[start]: (int(fields[start + 1]), int(fields[start + 2])) for start in range(0, len(fields), 4)}
    for extension in extensions:
        if extension not in members:
            raise DatasetError(f"{path}: sample {key!r} has no member {key}.{extension}. {REMEDY}.")
    return key, [members[extension] for extension in extensions]
