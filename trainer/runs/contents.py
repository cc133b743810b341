"""What run.json, evaluation.json and the ranks' part of state.json must hold, whoever wrote them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from sharding.storage.count import Count
from sharding.storage.records import MEBIBYTE, RecordError, checked
from sharding.storage.typed import After, Limits
from trainer.runs import formats

LARGEST_RECORD = 4 * MEBIBYTE
LARGEST_EVALUATION = 4 * MEBIBYTE
_Name = Annotated[str, Limits(max_length=1000)]


def _is_time(text: str) -> str:
    datetime.fromisoformat(text)
    return text


def _stored_name(field: str) -> str:
    return "from" if field == "origin" else field


_NAMES: Mapping[str, Any] = {"alias_generator": _stored_name}


@dataclass(frozen=True, kw_only=True)
class _Origin:
    """What run.json holds of the checkpoint of another run that the run began with."""

    path: Annotated[str, Limits(max_length=4096)]
    checkpoint: Annotated[str, Limits(max_length=4096)]
    position: Count
    dataset_sha256: Annotated[str, Limits(pattern=r"\A[0-9a-f]{64}\z")] | None


@dataclass(frozen=True, kw_only=True)
class _RunRecord:
    """What run.json holds. Other entries are ignored, so that older versions read what later ones only add."""

    __pydantic_config__ = _NAMES

    preset: _Name
    command: list[str]
    started: Annotated[_Name, After(_is_time)]
    commit: _Name | None
    python: _Name
    versions: dict[str, _Name]
    wandb_id: Annotated[str, Limits(pattern=r"\A[A-Za-z0-9_-]{1,64}\z")]
    """Part of an address at W&B."""
    dataset_sha256: Annotated[str, Limits(pattern=r"\A[0-9a-f]{64}\z")]
    config: dict[str, Any]
    """Checked by `trainer.config`."""
    global_batch: Annotated[int, Limits(ge=1, le=2**53)] | None = None
    """Images of one optimizer step on any number of ranks; None until ranks have started, and in runs of earlier
    versions."""
    folder: Annotated[str, Limits(max_length=4096)] = ""
    """Where the run was started: relative paths of `config` begin there, unless they lead somewhere from here."""
    dataset: dict[str, Any] | None = None
    """Its data set's views, classes and labels, checked by `sharding.format`; None in runs of earlier versions."""
    num_samples: dict[str, dict[str, Count]] = field(default_factory=dict)
    """Of its data set: split -> view -> samples."""
    changes: list[dict[str, Any]] = field(default_factory=list)
    """What was changed when the run was continued, and after how many images: see `trainer.runs.changes`."""
    origin: _Origin | None = None
    """The checkpoint whose weights the run began with; None if they were drawn by chance."""
    machines: Annotated[list[_Name], Limits(max_length=100)] = field(default_factory=list)
    """What it was trained on; empty until ranks have started, and in runs of earlier versions."""
    encoders: dict[_Name, Annotated[str, Limits(pattern=r"\A[0-9a-f]{64}\z")]] = field(default_factory=dict)
    """SHA-256 of the file with the weights of each encoder that has one."""
    held_out: Annotated[dict[_Name, Annotated[int, Limits(ge=1, le=2**53)]], Limits(max_length=2)]
    """View -> training images that are not trained on, but watched."""


@dataclass(frozen=True, kw_only=True)
class _Group:
    """What evaluation.json holds of the images that have one value of a label."""

    num_images: Count
    scores: dict[str, float]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Intervals:
    """What evaluation.json holds of how far scores would move with other images."""

    resamples: Annotated[int, Limits(ge=1, le=2**53)]
    level: Annotated[float, Limits(gt=0, lt=1)]
    of: dict[str, tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class _Case:
    """What evaluation.json holds of one image."""

    key: _Name
    place: Count
    value: float


@dataclass(frozen=True, kw_only=True)
class _Extremes:
    """What evaluation.json holds of the images that are worst and best by a score."""

    worst: Annotated[list[_Case], Limits(max_length=1000)]
    best: Annotated[list[_Case], Limits(max_length=1000)]


@dataclass(frozen=True, kw_only=True)
class _Evaluation:
    """What evaluation.json holds of one split."""

    position: Count
    num_images: Count
    scores: dict[str, float]
    notes: dict[_Name, str] = field(default_factory=dict)
    """How scores came about, by who gave them."""
    groups: dict[_Name, dict[_Name, _Group]] = field(default_factory=dict)
    """Label -> its value -> the scores of the images that have it."""
    intervals: _Intervals | None = None
    extremes: dict[str, _Extremes] = field(default_factory=dict)
    """By key of the score; see `trainer.evaluation.extremes`."""


@dataclass(frozen=True, kw_only=True)
class _Evaluations:
    """What evaluation.json holds."""

    splits: dict[str, _Evaluation]


@dataclass(frozen=True, kw_only=True)
class _EarlyStop:
    """What early_stop.json holds."""

    position: Count
    reason: _Name


@dataclass(frozen=True, kw_only=True)
class _Meter:
    """What `trainer.loop.meter.Meter` keeps."""

    sums: dict[str, float]
    counts: dict[str, Annotated[int, Limits(ge=1, le=2**53)]]


@dataclass(frozen=True, kw_only=True)
class _RankState:
    """What a rank keeps between two log lines."""

    meter: _Meter
    elapsed_s: Annotated[float, Limits(ge=0, le=1e12)]


def parse_record(content: bytes, *, path: Path) -> dict[str, Any]:
    """All of run.json in its present form, checked. Raises RecordError, and ConfigError if a later version made it."""
    record = formats.RUN.read(content, path=path)
    checked(record, _RunRecord)
    return record


def parse_early_stop(content: bytes, *, path: Path) -> dict[str, Any]:
    """All of early_stop.json in its present form, checked. Raises as `parse_record`."""
    record = formats.EARLY_STOP.read(content, path=path)
    checked(record, _EarlyStop)
    return record


def parse_evaluations(content: bytes, *, path: Path) -> dict[str, dict[str, Any]]:
    """What evaluation.json holds of each split, checked. Raises as `parse_record`."""
    record = formats.EVALUATION.read(content, path=path)
    checked(record, _Evaluations)
    return record["splits"]


def checked_rank_states(states: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same. Raises RecordError if they are not what the training loop keeps."""
    names = {frozenset(part) for state in checked(states, list[_RankState]) for part in _parts(state)}
    if len(names) > 1:
        raise RecordError("has sums of other losses than it counts")
    return states


def _parts(state: _RankState) -> tuple[dict[str, float], dict[str, int]]:
    return state.meter.sums, state.meter.counts
