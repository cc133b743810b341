"""Find everything that is wrong with a data set on disk."""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from sharding.classes import NO_CLASS
from sharding.index import Member, format_index, list_samples
from sharding.journal import FILE_NAME as JOURNAL
from sharding.manifest import (
    FILE_NAME,
    LABELS_EXTENSION,
    DatasetError,
    LabelInfo,
    Manifest,
    Shard,
    View,
    index_path,
    read_manifest,
)
from sharding.parallel import map_in_order
from sharding.shard_file import file_sha256
from sharding.storage.local_copy import local_shard, names_of_files
from sharding.storage.place import Place

SMALL_BYTES = 2 * 10**9
"""Data sets up to this size are decoded unless told otherwise; that takes about a minute."""


def verify(
    folder: Place,
    *,
    decode: bool | None = None,
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[str]:
    """One line per problem; none if the data set is whole. Of a remote one each shard is fetched for the purpose.

    Args:
        decode: also decode every image and compare it with the manifest. None: if the set is small.
        progress: hears how many shards are done, and of how many.
    """
    try:
        manifest = read_manifest(folder)
    except DatasetError as error:
        return [str(error)]
    shards = [(split, shard) for split, shards in manifest.splits.items() for shard in shards]
    if decode is None:
        decode = sum(shard.num_bytes for _, shard in shards) <= SMALL_BYTES

    def check(item: tuple[str, Shard]) -> list[str]:
        with local_shard(folder, item[1]) as copy:
            problems = _shard_problems(copy, item[1], manifest=manifest, decode=decode)
            return [problem.replace(str(copy), str(folder)) for problem in problems]

    problems = [*_split_problems(manifest), *_stray_files(folder, manifest)]
    for done, found in enumerate(map_in_order(check, shards, workers=workers), 1):
        problems.extend(found)
        progress(done, len(shards))
    return problems


def _split_problems(manifest: Manifest) -> Iterator[str]:
    for split, shards in manifest.splits.items():
        if not shards:
            yield f"{FILE_NAME}: the split {split!r} has no shards"
        for shard in shards:
            if shard.path.rpartition("/")[0] != split:
                yield f"{FILE_NAME}: {shard.path} is listed in the split {split!r}"
            if shard.view not in (manifest.views if manifest.kind == "unpaired" else (None,)):
                yield f"{FILE_NAME}: {shard.path} is of the view {shard.view!r}, which a {manifest.kind} set has not"


def _stray_files(folder: Place, manifest: Manifest) -> Iterator[str]:
    shards = [shard.path for shards in manifest.splits.values() for shard in shards]
    known = {FILE_NAME, JOURNAL, *shards, *map(index_path, shards)}
    for name in names_of_files(folder) or ():
        if name not in known:
            yield f"{folder / name}: is not listed in {FILE_NAME}; remove it, or shard the images again"


def _shard_problems(folder: Path, shard: Shard, *, manifest: Manifest, decode: bool) -> Iterator[str]:
    tar, index = folder / shard.path, folder / index_path(shard.path)
    missing = [path for path in (tar, index) if not path.is_file()]
    if missing:
        yield from (f"{path}: is missing" for path in missing)
        return
    if tar.stat().st_size != shard.num_bytes:
        yield f"{tar}: has {tar.stat().st_size} bytes, {FILE_NAME} says {shard.num_bytes}"
    for path, expected in ((tar, shard.sha256), (index, shard.index_sha256)):
        if file_sha256(path) != expected:
            yield f"{path}: its SHA-256 is not the one in {FILE_NAME}; its content has changed"
    try:
        samples = list_samples(tar)
    except DatasetError as error:
        yield str(error)
        return
    if index.read_bytes() != format_index(samples).encode():
        yield f"{index}: does not fit {tar.name}; make it again with `wds2idx`, or shard the images again"
    if len(samples) != shard.num_samples:
        yield f"{tar}: holds {len(samples)} samples, {FILE_NAME} says {shard.num_samples}"
    views = [view for name, view in manifest.views.items() if shard.view in (None, name)]
    yield from _sample_problems(tar, samples, views=views, manifest=manifest, decode=decode)


def _sample_problems(
    tar: Path, samples: list[list[Member]], *, views: list[View], manifest: Manifest, decode: bool
) -> Iterator[str]:
    expected = [view.extension for view in views] + [LABELS_EXTENSION] * bool(manifest.labels)
    keys = [sample[0].name.partition(".")[0] for sample in samples]
    if len(set(keys)) < len(keys):
        yield f"{tar}: holds a sample twice"
    with tar.open("rb") as file:
        for key, sample in zip(keys, samples, strict=True):
            if [member.extension for member in sample] != expected:
                found = ", ".join(member.extension for member in sample)
                yield f"{tar}: sample {key} has the members {found}; {FILE_NAME} tells of {', '.join(expected)}"
                continue
            contents = {member.extension: _read(file, member) for member in sample}
            problems = {}
            if manifest.labels:
                problems[LABELS_EXTENSION] = _label_problem(contents[LABELS_EXTENSION], manifest.labels)
            if decode:
                num_classes = len(manifest.classes)
                problems |= {
                    v.extension: _image_problem(contents[v.extension], v, num_classes=num_classes) for v in views
                }
            yield from (f"{tar}: {key}.{extension} {problem}" for extension, problem in problems.items() if problem)


def _read(file: BinaryIO, member: Member) -> bytes:
    file.seek(member.offset)
    return file.read(member.num_bytes)


def _label_problem(content: bytes, labels: Mapping[str, LabelInfo]) -> str | None:
    try:
        values = json.loads(content)
    except ValueError as error:
        return f"is no JSON ({error})"
    if not isinstance(values, dict) or values.keys() != labels.keys():
        return f"is {content.decode()}, {FILE_NAME} lists the labels {', '.join(labels)}"
    for name, value in values.items():
        if type(value) is not int or not 0 <= value < len(labels[name].names):
            return f"says {name} {value!r}, {FILE_NAME} lists {len(labels[name].names)} names: 0 is the first"
    return None


def _image_problem(content: bytes, view: View, *, num_classes: int) -> str | None:
    try:
        with Image.open(io.BytesIO(content)) as image:
            pixels = np.asarray(image)
    except Exception as error:  # Pillow's decoders raise almost anything on a broken file
        return f"cannot be decoded ({error})"
    expected = (view.height, view.width, view.channels)[: 2 if view.channels == 1 else 3]
    if pixels.shape != expected:
        return f"has the shape {pixels.shape}, {FILE_NAME} says {expected}"
    if view.content == "classes" and np.any((pixels >= num_classes) & (pixels != NO_CLASS)):
        return f"holds the class {pixels[pixels != NO_CLASS].max()}, {FILE_NAME} lists {num_classes} classes"
    return None
