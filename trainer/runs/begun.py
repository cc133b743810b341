"""What run.json says of each run from its beginning: what it is, what made it, and on which data."""

import hashlib
import sys
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sharding.format.manifest import Manifest
from sharding.format.manifest_file import describe
from trainer.runs.config import RunConfig, config_to_dict
from trainer.runs.provenance import commit, versions

GLOBAL_BATCH_KEY = "global_batch"
"""In run.json: images of one optimizer step; None until ranks have started; see `trainer.runs.batches`."""


def begun_record(
    config: RunConfig,
    *,
    preset: str,
    command: list[str],
    manifest: Manifest,
    content: bytes,
    held_out: Mapping[str, Any],
) -> dict[str, Any]:
    """The entries.

    Args:
        manifest: of the data set.
        content: the bytes that it was read from, whose SHA-256 tells the data set.
        held_out: see `Subject`.
    """
    return {
        "preset": preset,
        "command": command,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "python": sys.version.split()[0],
        "versions": versions(),
        "wandb_id": uuid.uuid4().hex[:12],
        "dataset_sha256": hashlib.sha256(content).hexdigest(),
        "config": config_to_dict(config),
        GLOBAL_BATCH_KEY: None,
        "held_out": dict(held_out),
        "folder": str(Path.cwd()),
        "dataset": describe(manifest),
    }
