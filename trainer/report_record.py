"""What a report shows of run.json and evaluation.json. Both may be a stranger's, or damaged: nothing is taken on trust."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from trainer.comparison import Row, compare
from trainer.config import ConfigError
from trainer.report_charts import LARGEST, is_position
from trainer.rundir import RunDir

_MOST_SPLITS = 8
_MOST_ROWS = 1000
"""Scores of one split: those of 255 classes have their place."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """How a run was made."""

    preset: str
    command: list[str]
    started: datetime
    commit: str | None
    python: str
    versions: dict[str, str]
    dataset_sha256: str
    config: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The scores of one split."""

    split: str
    position: int
    num_images: int
    rows: list[Row]


def read_record(run: RunDir) -> Record:
    """What the page needs of run.json.

    Raises:
        ConfigError: the folder is no run, or a field is missing or of a wrong type.
    """
    try:
        record = TypeAdapter(Record).validate_python(run.record())
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            "run", str(run.run_file), f"its field {name!r} is not usable: {first['msg']}. Restore the file from a copy."
        ) from error
    run.config()
    return record


def read_evaluations(run: RunDir) -> tuple[list[Evaluation], list[str]]:
    """The test split first; and a note about each split or score that is none."""
    entries: Any = run.evaluations()
    if not isinstance(entries, Mapping):
        return [], [f"{run.evaluation_file.name} holds no scores of splits."]
    found, notes = [], []
    for split in sorted(entries, key=lambda split: (split != "test", split))[:_MOST_SPLITS]:
        entry = entries[split]
        if not _is_entry(entry):
            notes.append(f"split {split} of {run.evaluation_file.name} is damaged: score it again.")
            continue
        scores = dict(list(entry["scores"].items())[: 3 * _MOST_ROWS])
        numbers = {name: value for name, value in scores.items() if _is_score(value)}
        if len(numbers) < len(entry["scores"]):
            notes.append(f"{len(entry['scores']) - len(numbers)} scores of split {split} are no numbers, or too many.")
        found.append(
            Evaluation(
                split=split,
                position=entry["position"],
                num_images=entry["num_images"],
                rows=compare(numbers)[:_MOST_ROWS],
            )
        )
    return found, notes + [f"{len(entries) - _MOST_SPLITS} more splits."] * (len(entries) > _MOST_SPLITS)


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, Mapping)
        and is_position(entry.get("position"))
        and is_position(entry.get("num_images"))
        and isinstance(entry.get("scores"), Mapping)
    )


def _is_score(value: object) -> bool:
    """Not a number is one: a class that is nowhere has that score."""
    return isinstance(value, int | float) and not isinstance(value, bool) and not abs(value) > LARGEST
