"""How far the jobs of a run came: a small file in the run's folder, so that no run is queued without end."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from launch.slurm.decision import count_idle
from launch.slurm.script import FOLDER
from sharding.storage.count import Count
from sharding.storage.records import MEBIBYTE, RecordError, checked, read_record
from sharding.storage.typed import Limits
from trainer.checkpoints.layout import latest_checkpoint
from trainer.config.errors import ConfigError
from trainer.runs.formats import Format
from trainer.runs.rundir import RunDir

CYCLES = Format((lambda record: record,))
_FILE_NAME = "cycles.json"


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """A job that was submitted, or has begun."""

    job: Annotated[str, Limits(pattern=r"\A[0-9]{1,12}\z")]
    """Slurm's number of it."""
    position: Count | None
    """Of the newest checkpoint when it began, in images; None if it has only been submitted."""
    idle: Count
    """Jobs before it, one after the other, that brought no newer checkpoint."""


def cycles_file(run: RunDir) -> Path:
    """Where it lies."""
    return run.path / FOLDER / _FILE_NAME


def read_cycle(run: RunDir) -> Cycle | None:
    """The newest job; None if there was none. Raises ConfigError if the file is damaged, or a later version made it."""
    path = cycles_file(run)
    try:
        record = CYCLES.read(read_record(path, most=MEBIBYTE), path=path)
        return checked({name: value for name, value in record.items() if name in Cycle.__dataclass_fields__}, Cycle)
    except FileNotFoundError:
        return None
    except RecordError as error:
        raise ConfigError("slurm", str(path), f"{error}. Remove it: jobs are counted anew then.") from error


def note_submitted(run: RunDir, *, job: str) -> None:
    """Put on record that the user has submitted a job: jobs are counted anew from it."""
    _write(run, Cycle(job=job, position=None, idle=0))


def note_chained(run: RunDir, *, job: str) -> None:
    """Put on record that a new job follows the present one, which it is counted with. Raises as `read_cycle`."""
    former = read_cycle(run)
    _write(run, Cycle(job=job, position=former and former.position, idle=former.idle if former else 0))


def begin_cycle(run: RunDir, *, job: str) -> Cycle:
    """Put on record that a job begins, and count those without progress before it. Raises as `read_cycle`.

    One that nobody has put on record before, as one submitted by hand, is the first.
    """
    former, position = read_cycle(run), saved_position(run)
    last, idle = (former.position, former.idle) if former is not None and former.job == job else (None, 0)
    cycle = Cycle(job=job, position=position, idle=count_idle(position, last=last, idle=idle))
    _write(run, cycle)
    return cycle


def saved_position(run: RunDir) -> int:
    """Images that the newest checkpoint has seen; 0 if there is none."""
    newest = latest_checkpoint(run.checkpoints)
    return 0 if newest is None else int(newest.name)


def _write(run: RunDir, cycle: Cycle) -> None:
    cycles_file(run).parent.mkdir(exist_ok=True)
    CYCLES.write(cycles_file(run), {"job": cycle.job, "position": cycle.position, "idle": cycle.idle})
