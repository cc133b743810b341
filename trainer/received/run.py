"""Writes a run around networks that were not trained here: run.json and one checkpoint."""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from sharding.format.manifest import Manifest
from sharding.format.manifest_file import check_manifest, describe
from trainer.checkpoints.layout import EMA_FILE, CheckpointState, describe_file, write_state
from trainer.config.errors import ConfigError
from trainer.data.subject import Subject
from trainer.engine.average import MovingAverage
from trainer.methods.registry import build_method
from trainer.runs import formats
from trainer.runs.begun import begun_record
from trainer.runs.config import RunConfig
from trainer.runs.new_folder import check_place, new_folder
from trainer.runs.rundir import RunDir
from trainer.runs.task import resolve_task

NO_DATA = Path("no-data-set")
"""Stands in the configuration of such a run: nobody knows here where its images lie."""


def write_received(
    out: Path,
    *,
    config: RunConfig,
    manifest: Manifest,
    networks: Mapping[str, Mapping[str, Tensor]],
    position: int,
    preset: str,
    command: list[str],
) -> None:
    """Write a run.

    Args:
        manifest: what its images are like, without shards.
        networks: all that its method keeps averages of, by name.
        position: images that they were trained on; 0 if nobody knows.

    Raises:
        ConfigError: the folder is not empty, or the networks are not those of the configuration.
    """
    check_place(out)
    check_manifest(manifest, path="what is imported")
    subject = Subject(data=config.data, method=config.method, manifest=manifest)
    average = _average(subject, networks)
    with new_folder(out) as folder:
        run = RunDir(folder)
        run.samples.mkdir()
        checkpoint = run.checkpoints / f"{position:08d}"
        checkpoint.mkdir(parents=True)
        torch.save(average.state_dict(), checkpoint / EMA_FILE)
        files = {EMA_FILE: describe_file(checkpoint / EMA_FILE)}
        state = CheckpointState(position=position, step=position, world_size=1, ranks=[{}], files=files)
        write_state(checkpoint, state)
        content = json.dumps(describe(manifest)).encode()
        record = begun_record(config, preset=preset, command=command, manifest=manifest, content=content, held_out={})
        formats.RUN.write(run.run_file, record)


def _average(subject: Subject, networks: Mapping[str, Mapping[str, Tensor]]) -> MovingAverage:
    method = build_method(subject.method, resolve_task(subject, needs_images=False))
    own = {name: player.networks[name] for player in method.players.values() for name in player.networks}
    average = MovingAverage({name: own[name] for name in method.averaged}, half_life_kimg=0)
    try:
        average.load_state_dict(networks)
    except (KeyError, RuntimeError) as error:
        reason = next(iter(str(error).splitlines()), "")
        remedy = f"takes other networks than those that were given ({reason})."
        raise ConfigError("method.name", subject.method.name, remedy) from error
    return average
