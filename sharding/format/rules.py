"""What a manifest may say. One definition: asked by the writer before it begins, by `verify` and by reading.

A manifest comes from anywhere: its paths lead to files, its checksums name files of a cache, its sizes take memory.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sharding.format.bounds import (
    DEEPEST_MANIFEST,
    LONGEST_NAME,
    MOST_CHANNELS,
    MOST_CLASS_NUMBERS,
    MOST_CLASSES,
    MOST_LABELS,
    MOST_PIXELS,
    MOST_SHARD_BYTES,
    MOST_SIDE,
    MOST_VALUES,
)
from sharding.format.manifest import LABELS_EXTENSION, ClassInfo, Manifest, Shard, View

if TYPE_CHECKING:
    from pydantic import ValidationError

_VIEW_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,59}")
_SPLIT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
_EXTENSION = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_LONGEST_EXTENSION = 40
_SHARD_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}\.tar")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_UNREADABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, changes of line and of direction, halves of characters."""
_LEAST_SAMPLE_BYTES = 512
"""A sample's header in a tar."""

_GREATEST_FLOAT, _LEAST_RANGE = 1e38, 1e-30
_LIMITS = {"uint8": (0.0, 255.0), "uint16": (0.0, 65535.0), "float32": (-_GREATEST_FLOAT, _GREATEST_FLOAT)}
"""Where a range of values may lie, so that it can be computed with in float32."""


def manifest_problems(manifest: Manifest) -> Iterator[str]:
    """One line for each thing that no manifest may say: the field, its value, the remedy."""
    yield from _text("name", [manifest.name], may_be_empty=True)
    yield from _view_problems(manifest)
    yield from _class_problems(manifest.classes)
    for name, info in manifest.labels.items():
        yield from _text("the labels", [name])
        yield from _text(f"label {shown(name)}", info.names)
        if not 1 <= len(info.names) <= MOST_LABELS:
            yield f"label {shown(name)} has {len(info.names)} names; there must be 1 to {MOST_LABELS}"
        yield from _repeated(f"names of the label {shown(name)}", info.names)
    yield from _split_problems(manifest)


def record_problems(record: Mapping[str, Any]) -> Iterator[str]:
    """The same of what is not looked at otherwise, `made_by`."""
    level: list[Any] = [record]
    for _ in range(DEEPEST_MANIFEST):
        level = [item for value in level for item in _items(value)]
    if any(isinstance(value, dict | list) for value in level):
        yield f"made_by holds lists or objects within each other deeper than {DEEPEST_MANIFEST}; leave them out"


def type_problems(error: "ValidationError") -> list[str]:
    """The same of fields that are missing, unknown, or of another type."""
    return [
        f"{'.'.join(map(str, found['loc']))} = {shown(found['input'])}: {found['msg'].lower()}"
        for found in error.errors(include_url=False, include_context=False)
    ]


def shown(value: object) -> str:
    """A value as it stands in a message, however long it is."""
    text = ascii(value) if isinstance(value, str) and _UNREADABLE.search(value) else repr(value)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"


def _items(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _view_problems(manifest: Manifest) -> Iterator[str]:
    for name, view in manifest.views.items():
        if not _VIEW_NAME.fullmatch(name):
            yield f"a view is called {shown(name)}; use up to 60 letters, digits, _, - and dots"
        yield from _extension_problems(name, view)
        yield from _size_problems(name, view)
        yield from _range_problems(name, view)
        if view.content == "classes" and (view.channels, view.dtype) != (1, "uint8"):
            yield f"view {shown(name)} holds classes in {view.channels} channels of {view.dtype}; it must be 1 of uint8"
        if (view.content == "classes" or view.renders_classes) and not manifest.classes:
            yield f"view {shown(name)} shows classes, and none are listed"
        if view.content == "classes" and len(manifest.classes) > MOST_CLASS_NUMBERS:
            yield (
                f"view {shown(name)} holds numbers of {len(manifest.classes)} classes; there must be no more than "
                f"{MOST_CLASS_NUMBERS}"
            )
        if view.alpha == "keep" and view.channels < 2:
            yield f"view {shown(name)} keeps alpha in {view.channels} channels; it is the last of 2 or more"
    extensions = [view.extension for view in manifest.views.values()]
    yield from _repeated("view extensions", [*extensions, *[LABELS_EXTENSION] * bool(manifest.labels)])


def _extension_problems(name: str, view: View) -> Iterator[str]:
    if not _EXTENSION.fullmatch(view.extension) or len(view.extension) > _LONGEST_EXTENSION:
        yield (
            f"view {shown(name)} has extension = {shown(view.extension)}; use up to {_LONGEST_EXTENSION} letters, "
            "digits, _ and - between dots, as in photo.jpg"
        )


def _size_problems(name: str, view: View) -> Iterator[str]:
    numbers = {
        "channels": (view.channels, MOST_CHANNELS),
        "width": (view.width, MOST_SIDE),
        "height": (view.height, MOST_SIDE),
    }
    for field, (value, most) in numbers.items():
        if value is not None and value < 1:
            yield f"view {shown(name)} has {field} = {shown(value)}; it must be 1 or more"
        elif value is not None and value > most:
            yield f"view {shown(name)} has {field} = {shown(value)}; it must be {most} or less"
    pixels = (view.width or 1) * (view.height or 1)
    if pixels > MOST_PIXELS or pixels * view.channels > MOST_VALUES:
        yield (
            f"view {shown(name)} has width = {shown(view.width)}, height = {shown(view.height)} and channels = "
            f"{shown(view.channels)}; there must be no more than {MOST_PIXELS} pixels and {MOST_VALUES} values"
        )


def _range_problems(name: str, view: View) -> Iterator[str]:
    low, high = view.value_range
    least, greatest = _LIMITS[view.dtype]
    if not (math.isfinite(low) and math.isfinite(high) and least <= low < high <= greatest):
        yield (
            f"view {shown(name)} has the value_range {low}, {high}, which is none of {view.dtype}; it must rise, "
            f"between {least:g} and {greatest:g}"
        )
    elif high - low < _LEAST_RANGE:
        yield f"view {shown(name)} has the value_range {low}, {high}; it must span {_LEAST_RANGE:g} or more"


def _class_problems(classes: Sequence[ClassInfo]) -> Iterator[str]:
    names = [info.name for info in classes]
    yield from _text("the classes", names)
    yield from _repeated("classes", names)
    if len(classes) > MOST_CLASSES:
        yield f"{len(classes)} classes are listed; there must be no more than {MOST_CLASSES}"
    for info in classes:
        if not all(0 <= level <= 255 for level in info.color):
            yield f"class {shown(info.name)} has color = {shown(info.color)}; each level must be 0 to 255"


def _split_problems(manifest: Manifest) -> Iterator[str]:
    views = manifest.views if manifest.kind == "unpaired" else (None,)
    for split, shards in manifest.splits.items():
        if not _SPLIT_NAME.fullmatch(split):
            yield f"a split is called {shown(split)}; use up to 60 letters, digits, _ and -, a letter or digit first"
        if not shards:
            yield f"the split {shown(split)} has no shards; remove it"
        for shard in shards:
            yield from _shard_problems(shard, split=split)
            if shard.view not in views:
                which = "an unpaired set has not" if manifest.kind == "unpaired" else "a paired set leaves out"
                yield f"{shown(shard.path)} is of the view {shown(shard.view)}, which {which}"
    paths = Counter(shard.path for shards in manifest.splits.values() for shard in shards)
    yield from (f"{shown(path)} is listed {count} times" for path, count in paths.items() if count > 1)


def _shard_problems(shard: Shard, *, split: str) -> Iterator[str]:
    folder, _, name = shard.path.rpartition("/")
    if folder != split or not _SHARD_NAME.fullmatch(name):
        yield (
            f"{shown(shard.path)} is listed in the split {shown(split)}; a path must be the split's name, a slash, and "
            "letters, digits, _, - and dots that end in .tar"
        )
    for field, value in {"sha256": shard.sha256, "index_sha256": shard.index_sha256}.items():
        if not _SHA256.fullmatch(value):
            yield f"{shown(shard.path)} has {field} = {shown(value)}; it must be 64 digits of 0-9 and a-f"
    if not 0 <= shard.num_bytes <= MOST_SHARD_BYTES:
        yield f"{shown(shard.path)} has num_bytes = {shown(shard.num_bytes)}; it must be 0 to {MOST_SHARD_BYTES}"
    elif not 0 <= shard.num_samples <= shard.num_bytes // _LEAST_SAMPLE_BYTES:
        yield (
            f"{shown(shard.path)} has num_samples = {shown(shard.num_samples)}; in {shard.num_bytes} bytes there is "
            f"room for 0 to {shard.num_bytes // _LEAST_SAMPLE_BYTES}"
        )


def _text(where: str, names: Iterable[str], *, may_be_empty: bool = False) -> Iterator[str]:
    """Rules of names that people read."""
    for name in names:
        if not name and not may_be_empty:
            yield f"among {where}, a name is empty"
        if len(name) > LONGEST_NAME:
            yield f"among {where}, {shown(name)} is longer than {LONGEST_NAME} characters; shorten it"
        if _UNREADABLE.search(name):
            yield f"among {where}, {shown(name)} holds control characters; leave them out"


def _repeated(title: str, names: Iterable[str]) -> Iterator[str]:
    """What must differ, and does not."""
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        yield f"among the {title}, {shown(repeated[0])} is there twice"
