"""What a run is made of and what it makes, by content: its data set's manifest, and a checkpoint's files."""

import re
from collections.abc import Mapping
from pathlib import Path

from sharding.format.manifest import FILE_NAME
from trainer.checkpoints.layout import EMA_FILE, describe_file, read_state
from trainer.monitoring.evaluated import Lineage
from trainer.runs.opened import OpenRun
from trainer.runs.rundir import count_samples

_LONGEST = 100
"""Characters of a name, of W&B's 128."""


def data_lineage(opened: OpenRun) -> Lineage:
    """The data set, by the checksum of its manifest, which has those of all shards."""
    record, manifest, data = opened.run.record(), opened.manifest, opened.config.data
    metadata = {
        "kind": manifest.kind,
        "num_samples": count_samples(manifest),
        "views": [data.view_a, data.view_b],
        "sha256": record["dataset_sha256"],
    }
    name = str(data.path).rstrip("/").rpartition("/")[2]
    files = {FILE_NAME: record["dataset_sha256"]}
    return Lineage(name=_safe(f"data-{name}"), kind="dataset", files=files, metadata=metadata)


def checkpoint_lineage(opened: OpenRun, folder: Path, scores: Mapping[str, float]) -> Lineage:
    """The averaged networks of a checkpoint, with the run that made them; their file, too, if the run sends it."""
    state = read_state(folder)
    stored = (state.files or {}).get(EMA_FILE)
    sha256 = describe_file(folder / EMA_FILE).sha256 if stored is None else stored.sha256
    record = opened.run.record()
    metadata = {
        "position": state.position,
        "sha256": sha256,
        "method": opened.config.method.name,
        "preset": record["preset"],
        "commit": record["commit"],
        "dataset_sha256": record["dataset_sha256"],
        "scores": dict(scores),
    }
    return Lineage(
        name=_safe(f"checkpoint-{record['wandb_id']}"),
        kind="model",
        files={EMA_FILE: sha256},
        metadata=metadata,
        folder=folder if opened.config.log.wandb_checkpoints else None,
    )


def _safe(name: str) -> str:
    """As W&B takes it."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[:_LONGEST]
