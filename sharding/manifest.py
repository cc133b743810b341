"""The manifest `dataset.json`: what a data set holds. Written last, so a folder with a manifest is complete.

Its last entry, `sha256`, is the checksum of all bytes before that checksum's digits, which end 67 bytes before the
file: `head -c -67 dataset.json | sha256sum` gives it. So the manifest vouches for each shard, and for itself.

This module is the only one of `sharding` that `trainer` reads: one definition for the writer and the reader.
"""

import json
import zlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from sharding.storage.files import write_atomically
from sharding.storage.place import Place, Url
from sharding.storage.seal import SEAL_KEY, seal, seal_fault

FORMAT = "diptych/1"
FILE_NAME = "dataset.json"
REJECTED = "rejected.jsonl"
"""Beside it: inputs that were left out, one to a line, if there were any."""

CHECKSUM_PREFIX = "crc32:"
"""Of `member_checksum`."""

DType = Literal["uint8", "uint16", "float32"]


class DatasetError(ValueError):
    """A data set, or an input for one, is unusable; the message names the file and the remedy."""


@dataclass(frozen=True, kw_only=True)
class ClassInfo:
    """One semantic class, and the flat colour that stands for it in views that render classes."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    color: tuple[int, int, int]
    """RGB, 0..255."""


@dataclass(frozen=True, kw_only=True)
class LabelInfo:
    """One kind of label that every sample has: a class, e.g. `character`, or an ordinal group, e.g. `age`.

    A sample's labels are its member `<key>.json`: an object of label name -> index into `names`.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    names: list[str]
    """Of the values, e.g. `["0-5", "6-10"]`; a sample's label is an index into this list."""
    ordinal: bool = False
    """The values are in order, as ages are; else they are mere classes."""


@dataclass(frozen=True, kw_only=True)
class View:
    """One aligned rendering of each sample."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    extension: str
    """Key of the view inside a tar after the sample's key, e.g. `relief.jpg`; its suffix is the file format."""
    content: Literal["image", "classes"] = "image"
    """`image`: colours or measurements. `classes`: one channel of indices into `Manifest.classes` (255 = no class)."""
    channels: int = 3
    dtype: DType = "uint8"
    """Of the stored values."""
    value_range: tuple[float, float] = (0.0, 255.0)
    """The stored values that become -1 and 1 in training, e.g. (0, 65535), or what a sensor can measure."""
    width: int | None = None
    """Pixels, where equal for all samples; None: the samples differ, as they may where files are stored untouched."""
    height: int | None = None
    renders_classes: bool = False
    """The image shows `Manifest.classes` in their flat colours, so class scores can be computed from it."""


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One tar and its index."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    path: str
    """Relative to the manifest, e.g. `train/000000.tar`; its DALI index has the suffix `.idx` in place of `.tar`."""
    num_samples: int
    num_bytes: int
    sha256: str
    index_sha256: str
    view: str | None = None
    """In an unpaired data set: the only view that the samples of this shard have."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """All that a reader needs to know before it opens a tar."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    format: str = FORMAT
    name: str
    kind: Literal["paired", "unpaired"] = "paired"
    """`paired`: each sample has all views. `unpaired`: each has one, and `Shard.view` says which."""
    views: dict[str, View]
    classes: list[ClassInfo] = field(default_factory=list)
    labels: dict[str, LabelInfo] = field(default_factory=dict)
    splits: dict[str, list[Shard]]
    made_by: dict[str, Any] = field(default_factory=dict)
    """Source, options and version that made the set: enough to make it again."""

    def num_samples(self, split: str, view: str | None = None) -> int:
        """Of a split: all, or those that have `view`."""
        return sum(shard.num_samples for shard in self.splits[split] if view is None or shard.view in (None, view))


LABELS_EXTENSION = "json"
"""Of the member that holds a sample's labels, in data sets that have `Manifest.labels`."""


def index_path(shard: str) -> str:
    """`train/000000.tar` -> `train/000000.idx`."""
    return shard.removesuffix(".tar") + ".idx"


def member_checksum(content: bytes) -> str:
    """What a shard's tar says of a member in the field of its header that names the owner's group, `gname`.

    Any reader of tars may ignore it; a reader that does not finds damage without reading more than the sample.
    """
    return f"{CHECKSUM_PREFIX}{zlib.crc32(content):08x}"


def read_manifest(place: Place) -> Manifest:
    """The manifest of the data set at `place`.

    Raises:
        DatasetError: there is none (it is no data set, or its sharding did not finish), it has changed since it was
            written, it is not valid, or it cannot be read.
    """
    return parse_manifest(manifest_bytes(place), path=str(place / FILE_NAME))


def parse_manifest(content: bytes, *, path: str) -> Manifest:
    """The manifest whose file has this content.

    Args:
        path: of the file, for messages.

    Raises:
        DatasetError: it has changed since it was written, or is not valid.
    """
    record = _parse_record(content, path=path)
    record.pop(SEAL_KEY, None)
    fault = seal_fault(content)
    if fault is not None:
        raise DatasetError(
            f"{path} has changed since it was written: its checksum (its last entry, {SEAL_KEY}) {fault}. Copy or "
            f"shard the data set again; if you changed it on purpose, `diptych shard seal` gives it a new one."
        )
    return _validate(record, path=path)


@cache
def _adapter() -> TypeAdapter[Manifest]:
    return TypeAdapter(Manifest)


def _parse_record(content: bytes, *, path: str) -> dict[str, Any]:
    try:
        record = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path} is not a valid manifest: {error}. Shard the images again.") from error
    if not isinstance(record, dict):
        raise DatasetError(f"{path} is not a valid manifest: it is no object. Shard the images again.")
    return record


def _validate(record: dict[str, Any], *, path: str) -> Manifest:
    if record.get("format") != FORMAT:
        raise DatasetError(f"{path} has format {record.get('format')!r}; this version reads {FORMAT!r}.")
    try:
        return _adapter().validate_python(record)
    except ValidationError as error:
        raise DatasetError(f"{path} is not a valid manifest: {error}. Shard the images again.") from error


def manifest_bytes(place: Place) -> bytes:
    """The manifest as it is stored. Raises DatasetError if there is none, or it cannot be read."""
    path = place / FILE_NAME
    try:
        return _read_remote(path) if isinstance(path, Url) else path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DatasetError(
            f"{place} holds no {FILE_NAME}: it is no finished data set. Make one with `diptych shard --help`."
        ) from error
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}).") from error


def _read_remote(url: Url) -> bytes:
    from sharding.storage.download import read_small

    return read_small(url)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write atomically and durably: a reader sees the whole manifest or none."""
    write_atomically(folder / FILE_NAME, seal(_adapter().dump_json(manifest, indent=1)))


def seal_manifest(folder: Path) -> Manifest:
    """Give a manifest that was edited on purpose the checksum of what it says now; the manifest.

    Raises:
        DatasetError: there is none, or what it says now is not valid; then it is left as it is.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise DatasetError(f"{folder} holds no {FILE_NAME} that could be sealed.")
    record = _parse_record(path.read_bytes(), path=str(path))
    record.pop(SEAL_KEY, None)
    manifest = _validate(record, path=str(path))
    try:
        write_atomically(path, seal(json.dumps(record, indent=1, ensure_ascii=False).encode()))
    except OSError as error:
        raise DatasetError(f"{path} cannot be written ({error.strerror}).") from error
    return manifest
