"""The file `dataset.json`: read, checked, written. Written last, so a folder that has one is complete.

Its last entry, `sha256`, is the checksum of all bytes before that checksum's digits, which end 67 bytes before the
file: `head -c -67 dataset.json | sha256sum` gives it. So the manifest vouches for each shard, and for itself.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sharding.errors import AbsentError, DatasetError
from sharding.format.bounds import MOST_MANIFEST_BYTES
from sharding.format.manifest import FILE_NAME, FORMAT, Manifest
from sharding.storage.files import read_regular, write_atomically
from sharding.storage.place import Place
from sharding.storage.seal import SEAL_KEY, seal, seal_fault
from sharding.storage.strict_json import load_json
from sharding.storage.typed import adapter_of


class ManifestError(DatasetError):
    """A manifest says what none may."""

    def __init__(self, path: str, problems: Sequence[str]) -> None:
        more = f" (and {len(problems) - 1} more, which `diptych shard verify` lists)" if len(problems) > 1 else ""
        super().__init__(
            f"{path} is not a valid manifest: {problems[0]}{more}. Copy the data set again, or shard the images again."
        )
        self.problems = problems
        """One line for each."""


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


def describe(manifest: Manifest) -> dict[str, Any]:
    """What whoever uses a trained run must know of its images: a manifest without shards, as JSON values."""
    return adapter_of(Manifest).dump_python(replace(manifest, splits={}, made_by={}), mode="json")


def parse_description(record: dict[str, Any], *, path: str) -> Manifest:
    """The inverse of `describe`. Raises DatasetError if the record is none, as `parse_manifest` does."""
    return _validate(record, [], path=path)


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
    from pydantic import ValidationError

    from sharding.format.rules import record_problems, shown, type_problems

    if record.get("format") != FORMAT:
        raise DatasetError(f"{path} has format {shown(record.get('format'))}; this version reads {FORMAT!r}.")
    problems = [*problems, *record_problems(record)]
    if problems:
        raise ManifestError(path, problems)
    try:
        # As JSON, where lists may stand for tuples, and `true` or "1" for no number.
        manifest = adapter_of(Manifest).validate_json(json.dumps(record), strict=True)
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
    """The manifest as it is stored. Raises AbsentError if there is none, DatasetError if it cannot be read."""
    path = place / FILE_NAME
    try:
        return _read(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise AbsentError(
            f"{place} holds no {FILE_NAME}: it is no finished data set. Make one with `diptych shard --help`."
        ) from error
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}).") from error


def _read(path: Place) -> bytes:
    if isinstance(path, Path):
        return read_regular(path, most=MOST_MANIFEST_BYTES, follow_links=True)
    from sharding.storage.download import MissingError, read_small

    try:
        return read_small(path)
    except MissingError as error:
        raise AbsentError(str(error)) from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write atomically and durably: a reader sees the whole manifest or none. Raises ManifestError if it is invalid."""
    check_manifest(manifest, path=str(folder / FILE_NAME))
    write_atomically(folder / FILE_NAME, seal(adapter_of(Manifest).dump_json(manifest, indent=1)))


def manifest_digest(manifest: Manifest) -> str:
    """SHA-256 of all that a manifest says, which holds those of all shards, however its file is written."""
    return hashlib.sha256(adapter_of(Manifest).dump_json(manifest)).hexdigest()


def seal_manifest(folder: Path) -> Manifest:
    """Give a manifest that was edited on purpose the checksum of what it says now; the manifest.

    Raises:
        DatasetError: there is none, or what it says now is not valid; then it is left as it is.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise AbsentError(f"{folder} holds no {FILE_NAME} that could be sealed.")
    record, problems = _parse_record(manifest_bytes(folder), path=str(path))
    record.pop(SEAL_KEY, None)
    manifest = _validate(record, problems, path=str(path))
    try:
        write_atomically(path, seal(json.dumps(record, indent=1, ensure_ascii=False).encode()))
    except OSError as error:
        raise DatasetError(f"{path} cannot be written ({error.strerror}).") from error
    return manifest
