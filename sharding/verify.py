"""Find everything that is wrong with a data set on disk."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from threading import Lock

from sharding.manifest import (
    FILE_NAME,
    LABELS_EXTENSION,
    REJECTED,
    DatasetError,
    Manifest,
    Shard,
    index_path,
    read_manifest,
)
from sharding.own_files import JOURNAL
from sharding.parallel import map_in_order
from sharding.storage.local_copy import local_copies, names_of_files
from sharding.storage.place import Place
from sharding.verify_keys import KeyCheck
from sharding.verify_shard import Findings, Range, check_shard, join

SMALL_BYTES = 2 * 10**9
"""Data sets up to this size are decoded unless told otherwise; that takes about a minute."""

_LIMITS = {"uint8": (0.0, 255.0), "uint16": (0.0, 65535.0), "float32": (-math.inf, math.inf)}


def verify(
    folder: Place,
    *,
    decode: bool | None = None,
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[str]:
    """One line per problem; none if the data set is whole. Each byte is read once, and no tar is held in memory.

    Of a remote data set each file is fetched for the purpose: as it lies there, and not from the cache.

    Args:
        decode: also decode every image and compare it with the manifest. None: if the set is small.
        progress: hears how many bytes of tars are done, and of how many; from several threads, one at a time.
    """
    try:
        manifest = read_manifest(folder)
    except DatasetError as error:
        return [str(error)]
    except OSError as error:
        return [f"{error.filename or folder}: cannot be read ({error.strerror or error})"]
    problems = [*_view_problems(manifest), *_name_problems(manifest), *_split_problems(manifest)]
    problems += _stray_files(folder, manifest)
    shards = [(split, shard) for split, shards in manifest.splits.items() for shard in shards if _is_inside(shard)]
    num_bytes = sum(shard.num_bytes for _, shard in shards)
    decodes = num_bytes <= SMALL_BYTES if decode is None else decode
    advance = _summing(progress, total=num_bytes)

    def check(item: tuple[str, Shard]) -> Findings:
        _, shard = item
        try:
            with local_copies(folder, {shard.path: shard.num_bytes, index_path(shard.path): None}) as copy:
                findings = check_shard(copy, shard, manifest=manifest, decodes=decodes, advance=advance)
        except DatasetError as error:  # it cannot be fetched
            return Findings(problems=[str(error)])
        findings.problems = [problem.replace(str(copy), str(folder)) for problem in findings.problems]
        return findings

    values: dict[str, Range] = {}
    keys = KeyCheck(folder)
    for (split, shard), findings in zip(shards, map_in_order(check, shards, workers=workers), strict=True):
        problems += findings.problems
        keys.add(split, shard, findings.keys)
        for name, found in findings.values.items():
            values[name] = join(values.get(name), found)
    return [*problems, *keys.problems(), *_value_problems(manifest, values)]


def _summing(progress: Callable[[int, int], None], *, total: int) -> Callable[[int], None]:
    """Turns how many more bytes are done into how many are done in all."""
    lock, done = Lock(), 0

    def advance(num_bytes: int) -> None:
        nonlocal done
        with lock:
            done += num_bytes
            progress(done, total)

    return advance


def _is_inside(shard: Shard) -> bool:
    """Whether a shard's path stays within the data set's folder."""
    path = PurePosixPath(shard.path)
    return shard.path.endswith(".tar") and not path.is_absolute() and ".." not in path.parts and "\0" not in shard.path


def _split_problems(manifest: Manifest) -> Iterator[str]:
    views = manifest.views if manifest.kind == "unpaired" else (None,)
    for split, shards in manifest.splits.items():
        if not shards:
            yield f"{FILE_NAME}: the split {split!r} has no shards"
        for shard in shards:
            if not _is_inside(shard) or shard.path.rpartition("/")[0] != split:
                yield f"{FILE_NAME}: {shard.path} is listed in the split {split!r}"
            if shard.view not in views:
                yield f"{FILE_NAME}: {shard.path} is of the view {shard.view!r}, which a {manifest.kind} set has not"
    paths = Counter(shard.path for shards in manifest.splits.values() for shard in shards)
    yield from (f"{FILE_NAME}: {path} is listed {count} times" for path, count in paths.items() if count > 1)


def _view_problems(manifest: Manifest) -> Iterator[str]:
    for name, view in manifest.views.items():
        numbers = {"channels": view.channels, "width": view.width, "height": view.height}
        yield from (
            f"{FILE_NAME}: view {name!r} has {field} = {value}; it must be 1 or more"
            for field, value in numbers.items()
            if value is not None and value < 1
        )
        low, high = view.value_range
        least, greatest = _LIMITS[view.dtype]
        if not (math.isfinite(low) and math.isfinite(high) and least <= low < high <= greatest):
            yield f"{FILE_NAME}: view {name!r} has the value_range {low}, {high}, which is none of {view.dtype}"
        if view.content == "classes" and (view.channels, view.dtype) != (1, "uint8"):
            yield f"{FILE_NAME}: view {name!r} holds classes in {view.channels} channels of {view.dtype}"
        if (view.content == "classes" or view.renders_classes) and not manifest.classes:
            yield f"{FILE_NAME}: view {name!r} shows classes, and none are listed"


def _name_problems(manifest: Manifest) -> Iterator[str]:
    """What must differ, and does not."""
    extensions = [view.extension for view in manifest.views.values()]
    groups = {
        "view extensions": [*extensions, *[LABELS_EXTENSION] * bool(manifest.labels)],
        "classes": [info.name for info in manifest.classes],
        **{f"names of the label {name!r}": info.names for name, info in manifest.labels.items()},
    }
    for title, names in groups.items():
        repeated = [name for name, count in Counter(names).items() if count > 1]
        if repeated:
            yield f"{FILE_NAME}: among the {title}, {repeated[0]!r} is there twice"


def _value_problems(manifest: Manifest, values: Mapping[str, Range]) -> Iterator[str]:
    """A range may leave out rare values, but not all that there are."""
    for name, (least, greatest) in values.items():
        low, high = manifest.views[name].value_range
        if greatest < low or least > high:
            yield f"{FILE_NAME}: view {name!r} has the value_range {low}, {high}; its images hold {least} to {greatest}"


def _stray_files(folder: Place, manifest: Manifest) -> Iterator[str]:
    shards = [shard.path for shards in manifest.splits.values() for shard in shards]
    known = {FILE_NAME, JOURNAL, REJECTED, *shards, *map(index_path, shards)}
    try:
        names = names_of_files(folder) or ()
    except DatasetError as error:
        yield str(error)
        return
    for name in names:
        if name not in known:
            yield f"{folder / name}: is not listed in {FILE_NAME}; remove it, or shard the images again"
