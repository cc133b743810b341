"""A run on disk, opened once: its configuration, and what it learns from."""

import hashlib
from dataclasses import dataclass

from sharding.format.manifest import FILE_NAME, Manifest
from sharding.format.manifest_file import manifest_bytes, parse_manifest
from trainer.config.errors import ConfigError
from trainer.data.subject import Subject, check_held_out
from trainer.runs.config import RunConfig, config_from_dict
from trainer.runs.rundir import RunDir


@dataclass(frozen=True, kw_only=True)
class OpenRun:
    """What is asked of a run again and again, read once."""

    run: RunDir
    config: RunConfig
    subject: Subject

    @property
    def manifest(self) -> Manifest:
        """Of its data set."""
        return self.subject.manifest


def open_run(run: RunDir, *, is_same_data: bool = True) -> OpenRun:
    """Read run.json and the manifest of the run's data set.

    Args:
        is_same_data: whether the data set must be the one that the run began with, as for training and for scores; a
            trained run can be used after the data set was made anew.

    Raises:
        ConfigError: there is no run, or it is damaged, or the data set was replaced.
        DatasetError: there is no data set, or its manifest is damaged.
    """
    record = run.record()
    config = config_from_dict(record["config"])
    content = manifest_bytes(config.data.path)
    is_same = hashlib.sha256(content).hexdigest() == record["dataset_sha256"]
    if is_same_data and not is_same:
        raise ConfigError(
            "data.path", str(config.data.path), "is not the data set that this run began with; start a new run."
        )
    manifest = parse_manifest(content, path=str(config.data.path / FILE_NAME))
    held_out = record["held_out"] if is_same else {}
    subject = Subject(data=config.data, method=config.method, manifest=manifest, held_out=held_out)
    check_held_out(subject)
    return OpenRun(run=run, config=config, subject=subject)
