"""The data set of a run as its report tells it: counts, sizes, where it came from."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sharding.console import counted
from sharding.errors import DatasetError
from sharding.format.manifest import FILE_NAME, Manifest, View
from sharding.format.manifest_file import manifest_bytes, parse_description, parse_manifest
from trainer.reports.numbers import Rows, show_bytes
from trainer.runs.opened import find_place
from trainer.runs.rundir import RunDir

_MOST_NAMES = 40
"""Of classes, or of the values of a label."""
_MOST_OPTIONS = 40
_MOST_LABELS = 20
_MOST_SPLITS = 20


def data_card(run: RunDir, record: Mapping[str, Any]) -> Rows:
    """Of the manifest if it lies in a folder of this machine and is the one that the run began with, else of run.json.

    An address is not asked: a report of a stranger's run connects to nobody.
    """
    place = str(record["config"]["data"]["path"])
    rows = [("place", place), ("SHA-256 of dataset.json", record["dataset_sha256"])]
    manifest = _local_manifest(run, record)
    if manifest is not None:
        return [("name", manifest.name), *rows, *_splits(manifest), *_views(manifest), *_made_by(manifest)]
    counts = list(record.get("num_samples", {}).items())[:_MOST_SPLITS]
    rows += [(f"split {split}", _count(views)) for split, views in counts]
    try:
        described = parse_description(record["dataset"], path=str(run.run_file)) if record.get("dataset") else None
    except DatasetError:
        return rows
    return rows if described is None else [("name", described.name), *rows, *_views(described)]


def held_out(record: Mapping[str, Any]) -> Rows:
    """What of the training split was watched, and not trained on."""
    return [(f"held out of train, view {view}", f"{number:,}") for view, number in record["held_out"].items()]


def _local_manifest(run: RunDir, record: Mapping[str, Any]) -> Manifest | None:
    place = find_place(run.config().data.path, folder=Path(record.get("folder", "")))
    if not isinstance(place, Path):
        return None
    try:
        content = manifest_bytes(place)
        if hashlib.sha256(content).hexdigest() != record["dataset_sha256"]:
            return None
        return parse_manifest(content, path=str(place / FILE_NAME))
    except (DatasetError, OSError):  # it was moved: run.json tells what there is to tell
        return None


def _count(views: Mapping[str, int]) -> str:
    if len(set(views.values())) <= 1:
        return counted(max(views.values(), default=0), "sample")
    return ", ".join(f"{number:,} of {view}" for view, number in list(views.items())[:_MOST_NAMES])


def _splits(manifest: Manifest) -> Iterator[tuple[str, str]]:
    for split, shards in list(manifest.splits.items())[:_MOST_SPLITS]:
        size = show_bytes(sum(shard.num_bytes for shard in shards))
        count = _count({view: manifest.num_samples(split, view) for view in manifest.views})
        yield f"split {split}", f"{count}, {size} in {counted(len(shards), 'shard')}"


def _views(manifest: Manifest) -> Iterator[tuple[str, str]]:
    for name, view in list(manifest.views.items())[:_MOST_NAMES]:
        yield f"view {name}", _view(view)
    if manifest.classes:
        yield counted(len(manifest.classes), "class", "classes"), _names([info.name for info in manifest.classes])
    for name, label in list(manifest.labels.items())[:_MOST_LABELS]:
        yield f"label {name}", _names(label.names)


def _view(view: View) -> str:
    size = f"{view.width}x{view.height} pixels" if view.width and view.height else "of several sizes"
    kind = "class numbers" if view.content == "classes" else counted(view.channels, "channel")
    shows = ", shows the classes" if view.renders_classes else ""
    return f"{size}, {kind}, {view.dtype}, {view.extension.rpartition('.')[2]}{shows}"


def _names(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _made_by(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """The source, and its options; folders of the user's, which they name, as they stand in the manifest."""
    made_by = {name: value for name, value in manifest.made_by.items() if name != "options"}
    options = manifest.made_by.get("options")
    yield from ((f"made by, {name}", str(value)) for name, value in list(made_by.items())[:_MOST_OPTIONS])
    if isinstance(options, Mapping):
        set_to = {name: value for name, value in options.items() if value not in ("", None, [], False)}
        yield "made with", ", ".join(f"{name} {_plain(value)}" for name, value in list(set_to.items())[:_MOST_OPTIONS])


def _plain(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
