"""Find everything that is wrong with one shard: its tar passes once, and is hashed, listed and decoded on its way."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sharding.errors import DatasetError
from sharding.format.codec import check_stored, decode, decode_indices
from sharding.format.index import Member, format_index
from sharding.format.manifest import (
    FILE_NAME,
    LABELS_EXTENSION,
    LabelInfo,
    Manifest,
    Shard,
    View,
    index_path,
    is_key,
    most_index_bytes,
    most_member_bytes,
)
from sharding.rendering.classes import NO_CLASS
from sharding.storage.files import read_regular
from sharding.verifying.tape import Recording, Tape, read_samples

Range = tuple[float, float]
"""The least and the greatest of some values."""


@dataclass(kw_only=True)
class Findings:
    """What a shard turned out to hold."""

    problems: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    """Of the samples, in stored order."""
    values: dict[str, Range] = field(default_factory=dict)
    """View -> range of the values in all its decoded images."""


def check_shard(
    folder: Path, shard: Shard, *, manifest: Manifest, decodes: bool, advance: Callable[[int], None]
) -> Findings:
    """Look at a shard's two files. Raises nothing: what cannot be read is a problem.

    Args:
        decodes: also decode the images, and compare them with the manifest.
        advance: hears how many more bytes of the tar have been read.
    """
    findings = Findings()
    paths = folder / shard.path, folder / index_path(shard.path)
    missing = [path for path in paths if not path.is_file()]
    if missing:
        findings.problems += [f"{path}: is missing" for path in missing]
        return findings
    try:
        check = _ShardCheck(*paths, shard=shard, manifest=manifest, decodes=decodes, findings=findings)
        findings.problems.extend(check.problems(advance))
    except OSError as error:
        findings.problems.append(f"{error.filename or paths[0]}: cannot be read ({error.strerror or error})")
    return findings


class _ShardCheck:
    """One shard's files against the manifest."""

    def __init__(
        self, tar: Path, index: Path, *, shard: Shard, manifest: Manifest, decodes: bool, findings: Findings
    ) -> None:
        self._tar, self._index, self._shard, self._manifest = tar, index, shard, manifest
        self._decodes = decodes
        self._findings = findings
        self._views = {name: view for name, view in manifest.views.items() if shard.view in (None, name)}
        self._expected = [view.extension for view in self._views.values()]
        self._expected += [LABELS_EXTENSION] * bool(manifest.labels)
        self._samples: list[list[Member]] = []

    def problems(self, advance: Callable[[int], None]) -> Iterator[str]:
        num_bytes = self._tar.stat().st_size
        if num_bytes != self._shard.num_bytes:
            yield f"{self._tar}: has {num_bytes} bytes, {FILE_NAME} says {self._shard.num_bytes}"
        most = max(most_member_bytes(self._manifest, extension) for extension in self._expected)
        with self._tar.open("rb", buffering=0) as file:
            tape = Tape(file, num_bytes=num_bytes, most_bytes=most, advance=advance)
            try:
                for sample in read_samples(tape, path=self._tar):
                    yield from self._sample_problems(sample)
                is_whole = True
            except DatasetError as error:
                yield str(error)
                is_whole = False
            sha256 = tape.finish()
        if sha256 != self._shard.sha256:
            yield f"{self._tar}: its SHA-256 is not the one in {FILE_NAME}; its content has changed"
        if is_whole and len(self._samples) != self._shard.num_samples:
            yield f"{self._tar}: holds {len(self._samples)} samples, {FILE_NAME} says {self._shard.num_samples}"
        repeated = [key for key, count in Counter(self._findings.keys).items() if count > 1]
        if repeated:
            yield f"{self._tar}: holds the sample {repeated[0]} twice"
        yield from self._index_problems(is_whole=is_whole)

    def _index_problems(self, *, is_whole: bool) -> Iterator[str]:
        content = read_regular(self._index, most=most_index_bytes(self._shard), follow_links=True)
        if hashlib.sha256(content).hexdigest() != self._shard.index_sha256:
            yield f"{self._index}: its SHA-256 is not the one in {FILE_NAME}; its content has changed"
        if is_whole and content != format_index(self._samples).encode(errors="surrogateescape"):
            yield f"{self._index}: does not fit {self._tar.name}; shard the images again"

    def _sample_problems(self, sample: Sequence[Recording]) -> Iterator[str]:
        members = [recording.member for recording in sample]
        self._samples.append(members)
        key = members[0].key
        self._findings.keys.append(key)
        if not is_key(key) or any(not is_key(m.extension.replace(".", "")) for m in members):
            yield f"{self._tar}: a member is called {members[0].name!r}; use key.extension, of letters and digits"
        found = [member.extension for member in members]
        if found != self._expected:
            yield (
                f"{self._tar}: sample {key} has the members {', '.join(found)}; {FILE_NAME} tells of "
                f"{', '.join(self._expected)}"
            )
        for recording in sample:
            yield from self._member_problems(recording)

    def _member_problems(self, recording: Recording) -> Iterator[str]:
        name = f"{self._tar}: {recording.member.name}"
        if recording.is_changed:
            yield f"{name}: has changed since it was written; its checksum in the tar is another"
            return
        extension, content = recording.member.extension, recording.content
        if extension == LABELS_EXTENSION and self._manifest.labels:
            yield from (f"{name} {problem}" for problem in _label_problems(content, self._manifest.labels))
        for view_name, view in self._views.items():
            if self._decodes and view.extension == extension:
                yield from self._image_problems(content, view, view_name=view_name, name=name)

    def _image_problems(self, content: bytes, view: View, *, view_name: str, name: str) -> Iterator[str]:
        try:
            check_stored(content, view)
        except DatasetError as error:
            yield f"{name}: {error}"
            return
        try:
            pixels = (decode_indices if view.content == "classes" else decode)(content, name=name)
        except DatasetError as error:
            yield str(error)
            return
        yield from (
            f"{name} {problem}" for problem in _pixel_problems(pixels, view, num_classes=len(self._manifest.classes))
        )
        values = self._findings.values
        values[view_name] = join(values.get(view_name), (float(pixels.min()), float(pixels.max())))


def join(one: Range | None, other: Range) -> Range:
    """The range of both."""
    return other if one is None else (min(one[0], other[0]), max(one[1], other[1]))


def _label_problems(content: bytes, labels: Mapping[str, LabelInfo]) -> Iterator[str]:
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        yield f"is no JSON ({error})"
        return
    if not isinstance(values, dict) or values.keys() != labels.keys():
        yield f"is {content[:80].decode(errors='replace')}, {FILE_NAME} lists the labels {', '.join(labels)}"
        return
    for name, value in values.items():
        if type(value) is not int or not 0 <= value < len(labels[name].names):
            yield f"says {name} {value!r}, {FILE_NAME} lists {len(labels[name].names)} names: 0 is the first"


def _pixel_problems(pixels: np.ndarray, view: View, *, num_classes: int) -> Iterator[str]:
    """`pixels`: (H, W, C)."""
    expected = (view.height or pixels.shape[0], view.width or pixels.shape[1], view.channels)
    if pixels.shape != expected:
        yield f"has the shape {pixels.shape}, {FILE_NAME} says {expected}"
    if pixels.dtype.name != view.dtype:
        yield f"holds {pixels.dtype.name}, {FILE_NAME} says {view.dtype}"
    if view.content == "classes" and np.any((pixels >= num_classes) & (pixels != NO_CLASS)):
        yield f"holds the class {pixels[pixels != NO_CLASS].max()}, {FILE_NAME} lists {num_classes} classes"
