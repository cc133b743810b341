"""The manifest `dataset.json`: what a data set holds. `manifest_file` reads and writes it."""

import re
import zlib
from dataclasses import dataclass, field
from typing import Any, Literal

from sharding.format.bounds import MOST_EXTRA_BYTES, MOST_INDEX_BYTES, MOST_LABEL_BYTES, MOST_MEMBER_BYTES
from sharding.storage.typed import NO_OTHERS

FORMAT = "diptych/1"
FILE_NAME = "dataset.json"
REJECTED = "rejected.jsonl"
"""Beside it: inputs that were left out, one to a line, if there were any."""

CHECKSUM_PREFIX = "crc32:"
"""Of `member_checksum`."""

DType = Literal["uint8", "uint16", "float32"]
_BYTES = {"uint8": 1, "uint16": 2, "float32": 4}


@dataclass(frozen=True, kw_only=True)
class ClassInfo:
    """One semantic class, and the flat colour that stands for it in views that render classes."""

    __pydantic_config__ = NO_OTHERS

    name: str
    color: tuple[int, int, int]
    """RGB, 0..255."""


@dataclass(frozen=True, kw_only=True)
class LabelInfo:
    """One kind of label that every sample has: a class, e.g. `character`, or an ordinal group, e.g. `age`.

    A sample's labels are its member `<key>.json`: an object of label name -> index into `names`.
    """

    __pydantic_config__ = NO_OTHERS

    names: list[str]
    """Of the values, e.g. `["0-5", "6-10"]`; a sample's label is an index into this list."""
    ordinal: bool = False
    """The values are in order, as ages are; else they are mere classes."""


@dataclass(frozen=True, kw_only=True)
class View:
    """One aligned rendering of each sample."""

    __pydantic_config__ = NO_OTHERS

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
    alpha: Literal["refuse", "drop", "keep"] = "refuse"
    """What became of the files' transparency. `refuse`: there was none. `keep`: it is the last channel."""

    @property
    def decoded_range(self) -> tuple[float, float]:
        """The values, as decoded, that become -1 and 1: of classes those of the colours that show them."""
        return (0.0, 255.0) if self.content == "classes" else self.value_range

    @property
    def is_common(self) -> bool:
        """Whether the images are as most programs know them: 8 bits, grey or RGB. Class numbers are none."""
        return self.content == "image" and self.dtype == "uint8" and self.channels in (1, 3)

    @property
    def most_bytes(self) -> int:
        """The most that a file of the view may have: twice its pixels, and what colour profiles and the like take."""
        if self.width is None or self.height is None:
            return MOST_MEMBER_BYTES
        return 2 * self.width * self.height * self.channels * _BYTES[self.dtype] + MOST_EXTRA_BYTES


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One tar and its index."""

    __pydantic_config__ = NO_OTHERS

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

    __pydantic_config__ = NO_OTHERS

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
        """The number of samples of a split: all, or those that have `view`."""
        return sum(shard.num_samples for shard in self.splits[split] if view is None or shard.view in (None, view))


LABELS_EXTENSION = "json"
"""Of the member that holds a sample's labels, in data sets that have `Manifest.labels`."""

_KEY = re.compile(r"[!-\-0-\[\]-~]{1,255}")
"""All but the dot, the slash and the backslash."""


def index_path(shard: str) -> str:
    """`train/000000.tar` -> `train/000000.idx`."""
    return shard.removesuffix(".tar") + ".idx"


def most_index_bytes(shard: Shard) -> int:
    """The most that the index of a shard may have: it tells less of each file than the file's header in the tar."""
    return min(max(shard.num_bytes, 512), MOST_INDEX_BYTES)


def most_member_bytes(manifest: Manifest, extension: str) -> int:
    """The most that a file in a tar may have, by what follows the key in its name."""
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
