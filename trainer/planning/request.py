"""What a plan asks of the process that measures, and what that answers: JSON files, read without torch."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sharding.storage.files import write_atomically
from sharding.storage.records import MEBIBYTE, checked, parse_json, read_record
from sharding.storage.typed import NO_OTHERS
from trainer.config.method import Task
from trainer.planning.envelope import Line
from trainer.runs.config import RunConfig

_MOST = 16 * MEBIBYTE
_Record = TypeVar("_Record")


@dataclass(frozen=True, kw_only=True)
class Assumed:
    """What a data set that is not there is taken to be like."""

    channels: int = 3
    """Of each view."""
    num_values: int = 10
    """Of each label that the method takes; and classes, where it takes classes."""


@dataclass(frozen=True, kw_only=True)
class PlanRequest:
    """What is to be measured."""

    __pydantic_config__ = NO_OTHERS

    config: dict[str, Any]
    """Of the run, as in run.json."""
    num_ranks: int = 1
    num_steps: int = 10
    """Optimizer steps that are timed, at least."""
    memory_bytes: int | None = None
    """That a rank may take; what its GPU has, or its share of the machine's free memory, unless given."""
    ranks_here: int = 1
    """Of those, that would share this machine."""
    assumed: Assumed | None = None
    """None where the data set is there."""


@dataclass(frozen=True, kw_only=True)
class NetworkFound:
    """One network."""

    player: str
    name: str
    num_weights: int
    calls: float
    """Forward passes in a step."""
    forward_flops: float
    """Of those passes, for one image of the rank."""
    maps_bytes: float
    """That autograd keeps of them, for one image."""


@dataclass(frozen=True, kw_only=True)
class PlayerFound:
    """One player on one rank."""

    name: str
    num_weights: int
    num_trained: int
    """Of its weights, those that are not frozen."""
    flops: float
    """Of its losses, its backward pass and its step, for one image."""
    held: dict[str, int] = field(default_factory=dict)
    """Bytes by kind: `trainer.planning.held.KINDS`."""
    stored: int
    """Bytes of its part of a checkpoint, of all ranks."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Steps with a small batch."""

    batch_size: int
    maps: int
    """The most bytes that autograd kept at once."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """All that was measured: on this machine, of one rank."""

    __pydantic_config__ = NO_OTHERS

    device: str
    """Name of the GPU, or `cpu`."""
    dtype: str
    num_threads: int
    memory_bytes: int
    """That the rank may take."""
    base_bytes: int
    """That a rank takes before it has networks: libraries, and on a GPU what CUDA needs."""
    needs_bytes: int
    """That it takes at most with the run's own batch: measured if steps were timed, else reckoned."""
    players: list[PlayerFound]
    networks: list[NetworkFound]
    flops: float
    """Of a step, for one image: of all players and the generators' pass."""
    averages: int
    """Bytes of the averaged networks."""
    pools: int
    """Bytes of histories of generated images, once they are full."""
    probes: list[Probe]
    tensors: list[Line]
    """The most bytes that tensors have at once, by the size of a micro-batch: see `trainer.planning.envelope`."""
    step_s: list[float]
    """Seconds of each timed step, of all micro-batches; none if the run's batch does not fit."""
    overflow: str = ""
    """Why no steps were timed, where tensors alone would have fitted."""


def write_json(path: Path, record: PlanRequest | Found) -> None:
    """A file for the other process."""
    write_atomically(path, json.dumps(asdict(record)).encode())


def read_json(path: Path, kind: type[_Record]) -> _Record:
    """What the other process wrote. Raises RecordError or FileNotFoundError."""
    return checked(parse_json(read_record(path, most=_MOST)), kind)


def guessed_task(config: RunConfig, assumed: Assumed) -> Task:
    """What networks are sized by where no data set tells."""
    labels = dict.fromkeys([*filter(None, [config.data.label]), *config.method.further_labels.values()])
    colors = [(number % 256, number // 256 % 256, 0) for number in range(assumed.num_values)]
    return Task(
        channels_a=assumed.channels,
        channels_b=assumed.channels,
        side=min(config.data.crop_shape),
        num_labels=assumed.num_values if config.data.label else 0,
        num_values=dict.fromkeys(labels, assumed.num_values),
        channels_c=assumed.channels if config.method.needs_view_c else 0,
        class_colors=tuple(colors) if config.method.class_views else (),
    )
