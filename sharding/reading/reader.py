"""Random access to the samples of one split: (shard, index) -> the encoded bytes of each wanted view, and labels."""

import json
import os
from collections.abc import Sequence
from threading import Event

from sharding.errors import DatasetError
from sharding.format.codec.stored import check_stored
from sharding.format.manifest import LABELS_EXTENSION, Manifest, Shard, index_path, most_member_bytes
from sharding.format.member import HEADER_BYTES, unpack_member
from sharding.format.shares import ALL, Share
from sharding.reading.selection import label_info, select_extensions, select_shards
from sharding.reading.shard_files import REMEDY, CachedFiles, shard_files
from sharding.reading.shard_index import parse_index
from sharding.storage.cache import Cache
from sharding.storage.place import Place

MAX_OPEN_SHARDS = 128
"""Files that one reader keeps open: far below the usual limit of 1024 for a process."""


class ShardReader:
    """The samples of one split, or of a share of it. Not for several threads at once.

    Opening it reads all indexes; a folder that was copied in part fails there, before training begins. Each file of a
    sample is checked as it is read. Checksums of whole tars are the business of `diptych shard verify`, and of the
    cache that remote ones come through.

    Args:
        share: of the split's samples; the others, and shards that hold none of it, are as if they were not there.
        cache: through which the files of a remote data set come.
        max_open: tars that are kept open.
    """

    def __init__(
        self,
        folder: Place,
        manifest: Manifest,
        *,
        split: str,
        views: Sequence[str],
        labels: Sequence[str] = (),
        share: Share = ALL,
        cache: Cache | None = None,
        max_open: int = MAX_OPEN_SHARDS,
    ) -> None:
        """Raises DatasetError if the split, a view or a label does not exist, or a shard is damaged."""
        self.folder = folder
        self.views = tuple(views)
        self._shards = select_shards(folder, manifest, split=split, views=views)
        self._extensions = extensions = select_extensions(folder, manifest, views=views)
        self._num_values = {label: len(label_info(folder, manifest, label).names) for label in labels}
        if labels:
            extensions.append(LABELS_EXTENSION)
        most_bytes = {extension: most_member_bytes(manifest, extension) for extension in extensions}
        self._views = [manifest.views[view] for view in views]
        self._files = shard_files(folder, cache=cache)
        self._indexes = [
            parse_index(content, shard, path=folder / index_path(shard.path), most_bytes=most_bytes)
            for shard, content in zip(self._shards, self._files.read_indexes(self._shards), strict=True)
        ]
        if not share.is_all:
            self._take(share, split=split)
        self._max_open = max_open
        self._open: dict[int, int] = {}  # shard -> file descriptor, the least recently used first

    def _take(self, share: Share, *, split: str) -> None:
        names = share.of(key for index in self._indexes for key in index.keys)
        if not names:
            num = sum(self.shard_sizes)
            raise DatasetError(f"{self.folder}: split {split!r} has no samples in {share}, of {num}.")
        taken = [(shard, index.only(names)) for shard, index in zip(self._shards, self._indexes, strict=True)]
        self._shards = [shard for shard, index in taken if index.keys]
        self._indexes = [index for _, index in taken if index.keys]

    @property
    def shards(self) -> tuple[Shard, ...]:
        """Those that are read, in order."""
        return tuple(self._shards)

    @property
    def shard_sizes(self) -> list[int]:
        """Number of samples in each shard."""
        return [len(index.keys) for index in self._indexes]

    def key(self, shard: int, index: int) -> str:
        """The name of a sample."""
        return self._indexes[shard].keys[index]

    def prefetch(self, shard: int, stop: Event) -> None:
        """Have a shard of a remote data set on this machine by the time that it is read; any thread may call it.

        Raises:
            DatasetError: it cannot be had.
            StoppedError: `stop` was set.
        """
        if isinstance(self._files, CachedFiles):
            self._files.prefetch(self._shards[shard], stop=stop)

    @property
    def is_remote(self) -> bool:
        return isinstance(self._files, CachedFiles)

    def locate(self, shard: int, index: int) -> str:
        """The tar and the key of a sample, for messages."""
        return f"{self.folder / self._shards[shard].path}, sample {self.key(shard, index)!r}"

    def read(self, shard: int, index: int) -> dict[str, bytes]:
        """The encoded bytes of each view of a sample.

        Raises:
            DatasetError: the tar no longer holds them unchanged, or their headers announce other pictures than the
                manifest: such are not decoded.
        """
        files = {}
        for column, (name, view) in enumerate(zip(self.views, self._views, strict=True)):
            files[name] = content = self._member(shard, index, column=column, title=f"view {name!r}")
            try:
                check_stored(content, view)
            except DatasetError as error:
                raise DatasetError(
                    f"{self.locate(shard, index)}: view {name!r} is refused: {error}. {REMEDY}."
                ) from error
        return files

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels that are read."""
        return tuple(self._num_values)

    def labels(self, shard: int, index: int) -> tuple[int, ...]:
        """The labels of a sample, as `label_names` has them: indices into `LabelInfo.names`.

        Raises:
            DatasetError: the tar no longer holds them, or the sample lacks one, or has an impossible one.
        """
        content = self._member(shard, index, column=len(self.views), title="its labels")
        try:
            labels = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise DatasetError(f"{self.locate(shard, index)}: its labels are not JSON ({error}). {REMEDY}.") from error
        found: list[int] = []
        for name, num in self._num_values.items():
            value = labels.get(name) if isinstance(labels, dict) else None
            if type(value) is not int or not 0 <= value < num:
                raise DatasetError(
                    f"{self.locate(shard, index)}: label {name!r} is {repr(value)[:80]}, where 0 to {num - 1} are "
                    f"possible; its labels are {content[:80].decode(errors='replace')}. {REMEDY}."
                )
            found.append(value)
        return tuple(found)

    def _member(self, shard: int, index: int, *, column: int, title: str) -> bytes:
        places = self._indexes[shard]
        offset, size = int(places.offsets[index, column]), int(places.sizes[index, column])
        name = f"{self.key(shard, index)}.{self._extensions[column]}"
        try:
            record = os.pread(self._descriptor(shard), HEADER_BYTES + size, offset - HEADER_BYTES)
        except OSError as error:
            raise DatasetError(
                f"{self.locate(shard, index)}: {title} cannot be read ({error.strerror}). {REMEDY}."
            ) from error
        if (num_read := max(0, len(record) - HEADER_BYTES)) != size:
            raise DatasetError(
                f"{self.locate(shard, index)}: only {num_read} of the {size} bytes of {title} could be read. {REMEDY}."
            )
        try:
            return unpack_member(record, name=name)
        except ValueError as error:
            raise DatasetError(f"{self.locate(shard, index)}: {title} is damaged: {error}. {REMEDY}.") from error

    def close(self) -> None:
        """Close all files. The reader may be used again."""
        while self._open:
            os.close(self._open.popitem()[1])

    def _descriptor(self, shard: int) -> int:
        descriptor = self._open.pop(shard, None)
        if descriptor is None:
            if len(self._open) >= self._max_open:
                os.close(self._open.pop(next(iter(self._open))))
            descriptor = self._files.open(self._shards[shard])
        self._open[shard] = descriptor
        return descriptor
