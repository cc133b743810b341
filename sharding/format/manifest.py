"""The manifest `dataset.json`: what a data set holds. Written last, so a folder with a manifest is complete.

Its last entry, `sha256`, is the checksum of all bytes before that checksum's digits, which end 67 bytes before the
file: `head -c -67 dataset.json | sha256sum` gives it. So the manifest vouches for each shard, and for itself.

This module is the only one of `sharding` that `trainer` reads: one definition for the writer and the reader.
"""

import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from sharding.format.bounds import (
    MOST_EXTRA_BYTES,
    MOST_INDEX_BYTES,
    MOST_LABEL_BYTES,
    MOST_MANIFEST_BYTES,
    MOST_MEMBER_BYTES,
)
from sharding.format.strict_json import load_json
from sharding.storage.files import read_regular, write_atomically
from sharding.storage.place import Place
from sharding.storage.seal import SEAL_KEY, seal, seal_fault

FORMAT = "diptych/1"
FILE_NAME = "dataset.json"
REJECTED = "rejected.jsonl"
"""Beside it: inputs that were left out, one to a line, if there were any."""

CHECKSUM_PREFIX = "crc32:"
"""Of `member_checksum`."""

DType = Literal["uint8", "uint16", "float32"]
_BYTES = {"uint8": 1, "uint16": 2, "float32": 4}


class DatasetError(ValueError):
    """A data set, or an input for one, is unusable; the message names the file and the remedy."""


class ManifestError(DatasetError):
    """A manifest says what none may."""

    def __init__(self, path: str, problems: Sequence[str]) -> None:
        more = f" (and {len(problems) - 1} more, which `diptych shard verify` lists)" if len(problems) > 1 else ""
        super().__init__(
            f"{path} is not a valid manifest: {problems[0]}{more}. Copy the data set again, or shard the images again."
        )
        self.problems = problems
        """One line for each."""


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

    @property
    def most_bytes(self) -> int:
        """That a file of the view may have: twice its pixels, and what colour profiles and the like take."""
        if self.width is None or self.height is None:
            return MOST_MEMBER_BYTES
        return 2 * self.width * self.height * self.channels * _BYTES[self.dtype] + MOST_EXTRA_BYTES


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

_KEY = re.compile(r"[!-\-0-\[\]-~]{1,255}")
"""All but the dot, the slash and the backslash."""


def index_path(shard: str) -> str:
    """`train/000000.tar` -> `train/000000.idx`."""
    return shard.removesuffix(".tar") + ".idx"


def most_index_bytes(shard: Shard) -> int:
    """That the index of a shard may have: it tells less of each file than the file's header in the tar."""
    return min(max(shard.num_bytes, 512), MOST_INDEX_BYTES)


def most_member_bytes(manifest: Manifest, extension: str) -> int:
    """That a file in a tar may have, by what follows the key in its name."""
    if extension == LABELS_EXTENSION and manifest.labels:
        return MOST_LABEL_BYTES
    return max((view.most_bytes for view in manifest.views.values() if view.extension == extension), default=0)


def is_key(key: str) -> bool:
    """Whether a sample may be called so: printable ASCII without blanks and slashes, up to the first dot of a name."""
    return _KEY.fullmatch(key) is not None


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
    record, problems = _parse_record(content, path=path)
    record.pop(SEAL_KEY, None)
    fault = seal_fault(content)
    if fault is not None:
        raise DatasetError(
            f"{path} has changed since it was written: its checksum (its last entry, {SEAL_KEY}) {fault}. Copy or "
            f"shard the data set again; if you changed it on purpose, `diptych shard seal` gives it a new one."
        )
    return _validate(record, problems, path=path)


@cache
def _adapter() -> TypeAdapter[Manifest]:
    return TypeAdapter(Manifest)


def _parse_record(content: bytes, *, path: str) -> tuple[dict[str, Any], list[str]]:
    """The record, and what is wrong with how it is written."""
    if len(content) > MOST_MANIFEST_BYTES:
        raise ManifestError(path, [f"it has more than {MOST_MANIFEST_BYTES} bytes"])
    try:
        record, problems = load_json(content)
    except ValueError as error:
        raise ManifestError(path, [f"it is no JSON ({error})"]) from error
    if not isinstance(record, dict):
        raise ManifestError(path, ["it is no object"])
    return record, problems


def _validate(record: dict[str, Any], problems: Sequence[str], *, path: str) -> Manifest:
    from sharding.format.rules import record_problems, shown, type_problems

    if record.get("format") != FORMAT:
        raise DatasetError(f"{path} has format {shown(record.get('format'))}; this version reads {FORMAT!r}.")
    problems = [*problems, *record_problems(record)]
    if problems:
        raise ManifestError(path, problems)
    try:
        # As JSON, where lists may stand for tuples, and `true` or "1" for no number.
        manifest = _adapter().validate_json(json.dumps(record), strict=True)
    except ValidationError as error:
        raise ManifestError(path, type_problems(error)) from error
    check_manifest(manifest, path=path)
    return manifest


def check_manifest(manifest: Manifest, *, path: str) -> None:
    """Raises ManifestError if it says what none may. The writer asks this before it begins."""
    from sharding.format.rules import manifest_problems

    problems = list(manifest_problems(manifest))
    if problems:
        raise ManifestError(path, problems)


def manifest_bytes(place: Place) -> bytes:
    """The manifest as it is stored. Raises DatasetError if there is none, or it cannot be read."""
    path = place / FILE_NAME
    try:
        return _read(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DatasetError(
            f"{place} holds no {FILE_NAME}: it is no finished data set. Make one with `diptych shard --help`."
        ) from error
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}).") from error


def _read(path: Place) -> bytes:
    if isinstance(path, Path):
        return read_regular(path, most=MOST_MANIFEST_BYTES, follow_links=True)
    from sharding.storage.download import read_small

    return read_small(path)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write atomically and durably: a reader sees the whole manifest or none. Raises ManifestError if it is invalid."""
    check_manifest(manifest, path=str(folder / FILE_NAME))
    write_atomically(folder / FILE_NAME, seal(_adapter().dump_json(manifest, indent=1)))


def seal_manifest(folder: Path) -> Manifest:
    """Give a manifest that was edited on purpose the checksum of what it says now; the manifest.

    Raises:
        DatasetError: there is none, or what it says now is not valid; then it is left as it is.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise DatasetError(f"{folder} holds no {FILE_NAME} that could be sealed.")
    record, problems = _parse_record(manifest_bytes(folder), path=str(path))
    record.pop(SEAL_KEY, None)
    manifest = _validate(record, problems, path=str(path))
    try:
        write_atomically(path, seal(json.dumps(record, indent=1, ensure_ascii=False).encode()))
    except OSError as error:
        raise DatasetError(f"{path} cannot be written ({error.strerror}).") from error
    return manifest
