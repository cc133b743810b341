"""What is kept of each trial: how it stands, in JSON of our own, so that nothing of Tune's is ever read back.

Tune writes its state as pickles. Whoever hands a sweep on could put code there, which runs as they are read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Literal

from sharding.storage.files import refuse_link, write_atomically
from sharding.storage.records import MEBIBYTE, RecordError, checked, parse_json, read_record
from sharding.storage.typed import NO_OTHERS, Limits, adapter_of
from sweeps.plan import Sweep, SweepDir
from sweeps.spaces.overrides import Overrides
from trainer.config.errors import ConfigError
from trainer.runs.config import config_to_dict, flatten
from trainer.runs.rundir import RunDir

State = Literal["waiting", "training", "finished", "stopped early", "diverged", "failed"]

_ENDED: tuple[State, ...] = ("finished", "stopped early", "diverged")
_Count = Annotated[int, Limits(ge=0)]


@dataclass(frozen=True, kw_only=True)
class Record:
    """How a trial stands."""

    __pydantic_config__ = NO_OTHERS

    state: State = "waiting"
    """Stopped early is what ASHA did, diverged a loss that was not finite, failed what restarts did not mend."""
    position: _Count = 0
    """Images seen at its last report."""
    scores: Mapping[str, Annotated[float, Limits(allow_inf_nan=False)]] = field(default_factory=dict)
    """All of that report."""
    num_restarts: _Count = 0
    """After a rank died or failed."""
    error: str | None = None
    """Why the trial failed for good."""
    overrides: dict[str, Any] | None = None
    """What it changes, where earlier trials decided that; None: what the sweep says, or nothing yet."""

    @property
    def is_ended(self) -> bool:
        """Whether a resumed sweep leaves the trial as it is."""
        return self.state in _ENDED


def write_record(folder: SweepDir, trial: str, record: Record) -> None:
    """Replace what is on record of a trial."""
    write_atomically(folder.record(trial), adapter_of(Record).dump_json(record, indent=1))


def read_records(folder: SweepDir, sweep: Sweep) -> dict[str, Record]:
    """How each trial stands, by its name.

    Raises:
        ConfigError: a record is damaged.
    """
    return {trial: _read(folder, trial) for trial in sweep.trials()}


def overrides_of(records: Mapping[str, Record], sweep: Sweep) -> dict[str, Overrides | None]:
    """What each trial changes, by its name; None where that is not decided yet."""
    return {
        name: planned if (record := records.get(name)) is None or record.overrides is None else record.overrides
        for name, planned in sweep.trials().items()
    }


def _read(folder: SweepDir, trial: str) -> Record:
    path = folder.record(trial)
    try:
        return checked(parse_json(read_record(path, most=MEBIBYTE)), Record)
    except FileNotFoundError:
        return Record()
    except RecordError as error:
        reason = f"is damaged: it {error}. Without it the trial goes on from its newest checkpoint: remove it."
        raise ConfigError("resume", str(path), reason) from error


def check_run(run: RunDir, overrides: Overrides, *, former: Overrides | None = None) -> None:
    """What a resumed trial finds in its run directory must be its own.

    Args:
        former: what it may train with instead, as a decision to change that may not have been carried out.

    Raises:
        ConfigError: the directory is a link, or its run.json is damaged or that of another configuration.
    """
    refuse_link(run.path, error=partial(ConfigError, "resume", str(run.path)))
    if not run.run_file.exists():
        return
    values = flatten(config_to_dict(run.config()))
    if former is not None and all(values.get(path) == value for path, value in former.items()):
        return
    for path, value in overrides.items():
        if values.get(path) != value:
            reason = (
                f"trains with {path} = {values.get(path)!r}, and sweep.json says {value!r}: it is of another sweep."
            )
            raise ConfigError("resume", str(run.run_file), reason)
