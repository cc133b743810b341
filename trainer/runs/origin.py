"""What a run began with, if not with weights of its own: a checkpoint of another run, as run.json keeps it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer.runs import formats
from trainer.runs.rundir import ORIGIN_KEY, RunDir


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A checkpoint whose weights another run begins with."""

    path: Path
    """What was asked for, a run or a checkpoint, from the root on."""
    checkpoint: Path
    """Its folder, from the root on."""
    position: int
    """Images that its run had seen."""
    dataset_sha256: str | None
    """Of the data set that its run learnt from; None if the checkpoint lies in no run."""

    def to_record(self) -> dict[str, Any]:
        """Its entry in run.json."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}


def origin_of(record: Mapping[str, Any]) -> Origin | None:
    """What a run.json, checked, says of the weights that the run began with; None if they were drawn by chance."""
    values = record.get(ORIGIN_KEY)
    if values is None:
        return None
    return Origin(
        path=Path(values["path"]),
        checkpoint=Path(values["checkpoint"]),
        position=values["position"],
        dataset_sha256=values["dataset_sha256"],
    )


def note_taken(run: RunDir, taken: Mapping[str, Any]) -> None:
    """Add to run.json what of the origin's weights the run's networks have taken."""
    record = run.record()
    record[ORIGIN_KEY] |= taken
    formats.RUN.write(run.run_file, record)
