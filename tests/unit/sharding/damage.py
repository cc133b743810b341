"""Everything that may happen to the files of a data set, drawn at random."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from sharding.format.manifest import index_path
from sharding.storage.seal import seal

MANIFEST = "dataset.json"
KINDS = ("flip", "cut", "zero", "append", "insert", "remove", "delete", "swap", "copy", "stray")

Damage = Callable[[Path], None]
"""Does something to the data set in a folder; maybe nothing."""


def files_of(folder: Path, *, suffixes: tuple[str, ...]) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in suffixes)


@st.composite
def file_damages(draw: st.DrawFn, *, suffixes: tuple[str, ...] = (".tar", ".idx", ".json")) -> Damage:
    """Of one file, or two, of these kinds."""
    number, other_number = draw(st.integers(0, 99)), draw(st.integers(0, 99))
    at, length = draw(st.floats(0, 1, exclude_max=True)), draw(st.integers(1, 4096))
    bits, garbage = draw(st.integers(1, 255)), draw(st.binary(min_size=1, max_size=1500))
    kind = draw(
        st.sampled_from(["flip", "cut", "zero", "append", "insert", "remove", "delete", "swap", "copy", "stray"])
    )

    def damage(folder: Path) -> None:
        files = files_of(folder, suffixes=suffixes)
        if not files:
            return
        path, other = files[number % len(files)], files[other_number % len(files)]
        data = path.read_bytes()
        place = int(at * len(data))
        match kind:
            case "flip":
                path.write_bytes(
                    data[:place] + bytes(byte ^ bits for byte in data[place : place + 1]) + data[place + 1 :]
                )
            case "cut":
                path.write_bytes(data[:place])
            case "zero":
                path.write_bytes(data[:place] + bytes(len(data[place : place + length])) + data[place + length :])
            case "append":
                path.write_bytes(data + garbage)
            case "insert":
                path.write_bytes(data[:place] + garbage + data[place:])
            case "remove":
                path.write_bytes(data[:place] + data[place + length :])
            case "delete":
                path.unlink()
            case "swap":
                path.write_bytes(other.read_bytes())
                other.write_bytes(data)
            case "copy":
                other.write_bytes(data)
            case "stray":
                path.with_name(f"stray-{path.name}").write_bytes(data)

    return damage


@st.composite
def number_edits(draw: st.DrawFn) -> Damage:
    """Another number somewhere in the manifest, which stays valid JSON."""
    number = draw(st.integers(0, 999))
    value = draw(st.one_of(st.integers(-3, 300), st.integers(-(2**70), 2**70), st.floats(), st.none()))

    def damage(folder: Path) -> None:
        record = json.loads((folder / MANIFEST).read_text())
        places = list(number_places(record))
        holder, key = places[number % len(places)]
        holder[key] = value
        (folder / MANIFEST).write_text(json.dumps(record, indent=1))

    return damage


def number_places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of each number in a JSON value."""
    if not isinstance(value, dict | list):
        return
    for key, item in list(value.items()) if isinstance(value, dict) else list(enumerate(value)):
        if isinstance(item, int | float) and not isinstance(item, bool):
            yield value, key
        yield from number_places(item)


def mend_checksums(folder: Path) -> None:
    """As if the damage had been there when the checksums were made; of files that are there."""
    record = json.loads((folder / MANIFEST).read_text())
    for shard in (shard for shards in record["splits"].values() for shard in shards):
        tar, index = folder / shard["path"], folder / index_path(shard["path"])
        if tar.is_file():
            shard.update(sha256=_sha256(tar), num_bytes=tar.stat().st_size)
        if index.is_file():
            shard["index_sha256"] = _sha256(index)
    seal_as(folder, record)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def seal_as(folder: Path, record: dict[str, Any]) -> None:
    """A manifest that says anything, sealed as the true ones are; the command itself seals valid ones only."""
    record.pop("sha256", None)
    (folder / MANIFEST).write_bytes(seal(json.dumps(record, indent=1).encode()))
