"""How a run is: `status.json`, which its main rank writes every few seconds, and anybody reads who sees its folder."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from sharding.storage.count import Count
from sharding.storage.records import MEBIBYTE, RecordError, checked, read_record
from sharding.storage.typed import Limits
from trainer.config.errors import ConfigError
from trainer.runs.formats import FORMAT_KEY, STATUS

FILE_NAME = "status.json"
_LARGEST = 4 * MEBIBYTE
_Name = Annotated[str, Limits(max_length=1000)]
_Seconds = Annotated[float, Limits(ge=0, le=1e12)]


@dataclass(frozen=True, kw_only=True)
class HostStatus:
    """A machine that takes part."""

    host: _Name
    ranks: list[Count]
    """Numbers of the ranks that it has, of all."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """What a run does, and how far it is."""

    state: Literal["training", "evaluating", "ended"]
    """`evaluating` stands for all that is no training: scores, pictures, the final report."""
    outcome: Annotated[str, Limits(max_length=10_000)] = ""
    """How it ended, in words for people; empty while it runs."""
    position: Count
    """Images that the whole job has seen."""
    total: Count
    """Images that it is to see."""
    images_per_s: _Seconds | None
    """Over about the last minute, pauses included; None at the start."""
    eta_s: _Seconds | None
    """Until its last image, at that speed."""
    checkpoint: Count | None
    """Position of the newest checkpoint; None before the first."""
    hosts: list[HostStatus]
    attempt: Annotated[int, Limits(ge=1, le=2**31)]
    """Which start of all ranks this is, within one launch."""
    started: _Seconds
    """When this start was, in seconds since 1970."""
    updated: _Seconds
    """When this was written, by the clock of the main rank's machine."""


def status_file(run: Path) -> Path:
    """Where the status of the run in this folder lies."""
    return run / FILE_NAME


def read_status(run: Path) -> Status | None:
    """How the run in a folder is, or was last; None if it has never said so.

    Raises:
        ConfigError: the file is damaged, or a later version made it.
    """
    path = status_file(run)
    try:
        record = STATUS.read(read_record(path, most=_LARGEST), path=path)
        del record[FORMAT_KEY]
        return checked(record, Status)
    except FileNotFoundError:
        return None
    except RecordError as error:
        raise ConfigError("status", str(path), f"{error}. Remove it: a run that trains writes it again.") from error


def write_status(run: Path, status: Status) -> None:
    """Put it there whole or not at all; a power cut may lose it. Raises OSError."""
    STATUS.write(status_file(run), asdict(status), durable=False)
