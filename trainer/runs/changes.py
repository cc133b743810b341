"""Changes to a run that goes on: which settings may be others from a position on, and where that is written down."""

from collections.abc import Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from trainer.config.errors import ConfigError
from trainer.runs import formats
from trainer.runs.begun import GLOBAL_BATCH_KEY
from trainer.runs.config import RunConfig, changed, config_to_dict, flatten
from trainer.runs.rundir import RunDir

CHANGEABLE = (
    "train.total_kimg",
    "train.batch_size_per_gpu",
    "train.patience_kimg",
    "optimizer.lr",
    "optimizer.discriminator_lr_factor",
    "optimizer.players.*.lr",
    "optimizer.schedule",
    "optimizer.decay_start",
    "optimizer.decay_factor",
    "optimizer.warmup_kimg",
    "engine.device",
    "engine.gradient_clipping",
    "engine.timeout_s",
    "data.path",
    "data.num_threads",
    "log",
    "samples",
    "evaluate",
    "checkpoint",
)
"""Fields, and whole sections. Others decide what the networks are, what they have learnt from, or what is saved of the
optimizer: with another value the run would not be this run."""


TAKEN_FROM_KEY = "taken_from"
"""In an entry of `changes`: the trial of the same sweep with whose weights the run goes on from there."""


def took_over(run: RunDir, *, position: int) -> bool:
    """Whether a run goes on from a position with another trial's weights."""
    changes = run.record().get("changes", [])
    return any(change.get("position") == position and TAKEN_FROM_KEY in change for change in changes)


def can_change(path: str) -> bool:
    """Whether a run may go on with another value of a field."""
    return any(fnmatchcase(path, name) or path.startswith(f"{name}.") for name in CHANGEABLE)


def find_changes(before: RunConfig, after: RunConfig) -> dict[str, Any]:
    """New values by their paths, e.g. `train.total_kimg`.

    Raises:
        ConfigError: a value has changed that a run keeps.
    """
    changes, old = changed(after, since=before), flatten(config_to_dict(before))
    for path, value in changes.items():
        if not can_change(path):
            remedy = f"is {old.get(path)!r} for the whole of a run; start a new run. A resumed one can change: "
            raise ConfigError(path, value, remedy + ", ".join(CHANGEABLE) + ".")
    return changes


def check_length(config: RunConfig, *, position: int) -> None:
    """Raise ConfigError if the run has seen all the images that it is to see, and more."""
    total = config.train.total_kimg
    if config.train.total_images < position:
        raise ConfigError(
            "train.total_kimg", total, f"the run has seen {position} images; use {position / 1000:g} or more."
        )


def write_changes(
    run: RunDir, config: RunConfig, changes: Mapping[str, Any], *, position: int, taken_from: str | None = None
) -> None:
    """Put the changed configuration into run.json, and, under `changes`, since when which values hold.

    With another micro-batch the run has another global batch: that of the ranks that start next.

    Args:
        position: images that the run had seen.
        taken_from: the trial of its sweep with whose weights it goes on, if not with its own.
    """
    record = run.record()
    noted = {"position": position, "when": f"{datetime.now(UTC):%FT%TZ}", "values": dict(changes)}
    if taken_from is not None:
        noted[TAKEN_FROM_KEY] = taken_from
    record |= {"config": config_to_dict(config), "changes": [*record.get("changes", []), noted]}
    if "train.batch_size_per_gpu" in changes:
        record[GLOBAL_BATCH_KEY] = None
    formats.RUN.write(run.run_file, record)
