"""Find everything that is wrong with a data set on disk."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Lock

from sharding.errors import AbsentError, DatasetError
from sharding.format.manifest import FILE_NAME, REJECTED, Manifest, Shard, index_path
from sharding.format.manifest_file import ManifestError, read_manifest
from sharding.storage.place import Place
from sharding.verifying.keys import KeyCheck
from sharding.verifying.local_copy import local_copies, names_of_files
from sharding.verifying.shard import Findings, Range, check_shard, join
from sharding.work.bounded import map_in_order
from sharding.writing.own_files import JOURNAL

SMALL_BYTES = 2 * 10**9
"""Data sets up to this size are decoded unless told otherwise; that takes about a minute."""


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

    Raises:
        AbsentError: there is no such folder, or no data set at the address.
    """
    try:
        manifest = read_manifest(folder)
    except ManifestError as error:
        return [f"{FILE_NAME}: {problem}" for problem in error.problems]
    except AbsentError as error:
        if isinstance(folder, Path) and folder.is_dir():  # it has lost its manifest
            return [str(error)]
        raise
    except DatasetError as error:
        return [str(error)]
    except OSError as error:
        return [f"{error.filename or folder}: cannot be read ({error.strerror or error})"]
    num_bytes = sum(shard.num_bytes for shards in manifest.splits.values() for shard in shards)
    decodes = num_bytes <= SMALL_BYTES if decode is None else decode
    advance = _summing(progress, total=num_bytes)
    return [
        *_stray_files(folder, manifest),
        *_shard_problems(folder, manifest, decodes=decodes, workers=workers, advance=advance),
    ]


def _shard_problems(
    folder: Place, manifest: Manifest, *, decodes: bool, workers: int, advance: Callable[[int], None]
) -> list[str]:
    """What is wrong with the shards, each by itself and all beside each other."""
    shards = [(split, shard) for split, shards in manifest.splits.items() for shard in shards]

    def check(item: tuple[str, Shard]) -> Findings:
        _, shard = item
        try:
            with local_copies(folder, {shard.path: shard.num_bytes, index_path(shard.path): None}) as copy:
                findings = check_shard(copy, shard, manifest=manifest, decodes=decodes, advance=advance)
        except DatasetError as error:  # it cannot be fetched
            return Findings(problems=[str(error)])
        findings.problems = [problem.replace(str(copy), str(folder)) for problem in findings.problems]
        return findings

    problems: list[str] = []
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
