"""A run on disk, opened once: its configuration, and what it learns from."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sharding.errors import AbsentError, DatasetError
from sharding.format.manifest import FILE_NAME, Manifest
from sharding.format.manifest_file import describe, manifest_bytes, parse_description, parse_manifest
from sharding.storage.place import Place
from trainer.config.errors import ConfigError
from trainer.config.evaluate import EvaluateConfig
from trainer.data.subject import Subject, check_held_out
from trainer.runs.config import RunConfig, config_from_dict
from trainer.runs.encoder_files import ENCODERS_KEY
from trainer.runs.rundir import RunDir, count_samples


@dataclass(frozen=True, kw_only=True)
class OpenRun:
    """What is asked of a run again and again, read once."""

    run: RunDir
    config: RunConfig
    subject: Subject
    encoders: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of the file of each encoder that the run was begun with, and that has one; of its FCN, as `fcn`."""

    @property
    def manifest(self) -> Manifest:
        """The manifest of its data set."""
        return self.subject.manifest


def open_run(run: RunDir, *, data_path: Place | None = None, needs_data: bool = True) -> OpenRun:
    """Read run.json and the manifest of the run's data set.

    Args:
        data_path: where the data set lies now, if that is not where the run began with it.
        needs_data: whether the data set must be there, and the one that the run began with, as for training and for
            scores. A trained run can be used without it: run.json tells what its images are like.

    Raises:
        ConfigError: there is no run, or it is damaged, or the data set was replaced.
        DatasetError: there is no data set, or its manifest is damaged.
    """
    record = run.record()
    config = config_from_dict(record["config"])
    folder = Path(record.get("folder", ""))
    place = find_place(config.data.path, folder=folder) if data_path is None else data_path
    config = replace(config, data=replace(config.data, path=place), evaluate=_found(config.evaluate, folder=folder))
    manifest, is_same = _manifest(run, record, place, needs_data=needs_data)
    held_out = record["held_out"] if is_same else {}
    subject = Subject(data=config.data, method=config.method, manifest=manifest, held_out=held_out)
    check_held_out(subject)
    return OpenRun(run=run, config=config, subject=subject, encoders=record.get(ENCODERS_KEY, {}))


def find_place(path: Place, *, folder: Path) -> Place:
    """A relative path begins here or, if it leads nowhere, in the folder where the run was started."""
    if not isinstance(path, Path) or path.is_absolute() or (path / FILE_NAME).exists():
        return path
    return folder / path if (folder / path / FILE_NAME).exists() else path


def _found(wanted: EvaluateConfig, *, folder: Path) -> EvaluateConfig:
    """Likewise of the files by which the run is judged."""

    def find(file: Path | None) -> Path | None:
        return file if file is None or file.exists() or not (folder / file).exists() else folder / file

    return replace(wanted, encoder_weights=find(wanted.encoder_weights), fcn=find(wanted.fcn))


def _manifest(run: RunDir, record: Mapping[str, Any], place: Place, *, needs_data: bool) -> tuple[Manifest, bool]:
    """The manifest, and whether it is the one that the run began with."""
    described = record.get("dataset")
    try:
        content = manifest_bytes(place)
    except DatasetError as error:
        if needs_data:
            moved = f"The run in {run.path} began with it: if it lies elsewhere now, give --data.path."
            kind = AbsentError if isinstance(error, AbsentError) else DatasetError
            raise kind(f"{error} {moved}") from error
        if described is None:
            raise
        return parse_description(described, path=str(run.run_file)), False
    manifest = parse_manifest(content, path=str(place / FILE_NAME))
    is_same = hashlib.sha256(content).hexdigest() == record["dataset_sha256"]
    if not is_same and needs_data:
        raise ConfigError("data.path", str(place), _how_it_differs(record, manifest))
    if (
        not is_same
        and described is not None
        and describe(replace(manifest, name=described.get("name", ""))) != described
    ):
        return parse_description(described, path=str(run.run_file)), False
    return manifest, is_same


def _how_it_differs(record: Mapping[str, Any], manifest: Manifest) -> str:
    before, now = record.get("num_samples") or {}, count_samples(manifest)
    differing = [
        f"{split} had {before.get(split, {}).get(view, 0)} images of view {view!r} and has {number}"
        for split, numbers in now.items()
        for view, number in numbers.items()
        if before and before.get(split, {}).get(view, 0) != number
    ]
    what = f" ({'; '.join(differing)})" if differing else ""
    return f"is not the data set that this run began with{what}. Give that one with --data.path, or start a new run."
