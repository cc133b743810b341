"""How a run stands, as anybody can tell who sees its folder: from any machine, without asking its processes."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sharding.console import counted, one_line
from sharding.storage.lock import held_since
from trainer.checkpoints.layout import CheckpointError, latest_checkpoint
from trainer.config.errors import ConfigError
from trainer.runs.control import Request, asked
from trainer.runs.rundir import RunDir
from trainer.runs.status import HostStatus, Status, read_status, status_file

SILENT_S = 60.0
"""A run that trains says how it is every few seconds."""

_ASKED = {Request.NONE: "", Request.SAVE: "save", Request.STOP: "stop"}
_MOST_HOSTS = 20
_MOST_RANKS = 8

State = Literal["training", "evaluating", "ended", "silent", "starting", "unknown"]


@dataclass(frozen=True, kw_only=True)
class RunState:
    """A run at one moment."""

    run: str
    state: State
    """`silent`: nothing was heard for `SILENT_S`, and it had not ended; `starting`: a process of this machine has it,
    and has said nothing yet; `unknown`: it has never said anything, as runs of earlier versions."""
    age_s: float | None
    """Seconds since it was heard; None if it never was."""
    position: int
    """Images seen, or those of its newest checkpoint if it has never said so."""
    total: int
    asked: str
    """What is asked of it and not yet obeyed: `save`, `stop` or nothing."""
    status: Status | None
    """As it said itself."""
    job: str = ""
    """Its Slurm job, while that waits or runs, e.g. `4711: PENDING (Priority)`, if Slurm was asked."""

    @property
    def is_trained(self) -> bool:
        """Whether a process works on it now, as far as can be told."""
        return self.state in ("training", "evaluating", "starting")

    def to_record(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self) | {"is_trained": self.is_trained}


def look(run: RunDir) -> RunState:
    """How a run stands now.

    Raises:
        ConfigError: there is no run, or one of its files is damaged.
    """
    total = run.config().train.total_images
    status = read_status(run.path)
    age = None if status is None else _age(run, status)
    return RunState(
        run=str(run.path),
        state=_state(run, status, age),
        age_s=age,
        position=_newest(run) if status is None else status.position,
        total=total if status is None else status.total,
        asked=_ASKED[asked(run.path)],
        status=status,
    )


def _age(run: RunDir, status: Status) -> float:
    """By this clock and, should the other machine's differ, by that of the file system."""
    now = time.time()
    try:
        written = status_file(run.path).stat().st_mtime
    except OSError:  # gone meanwhile
        written = status.updated
    return max(0.0, min(now - status.updated, now - written))


def _state(run: RunDir, status: Status | None, age: float | None) -> State:
    if status is not None and age is not None and status.state != "ended" and age <= SILENT_S:
        return status.state
    since = held_since(run.path)
    if since is not None and (status is None or since > status.updated):
        return "starting"
    return "unknown" if status is None else "ended" if status.state == "ended" else "silent"


def _newest(run: RunDir) -> int:
    try:
        newest = latest_checkpoint(run.checkpoints)
    except CheckpointError as error:
        raise ConfigError("run", str(run.path), str(error)) from error
    return 0 if newest is None else int(newest.name)


def describe(state: RunState) -> list[str]:
    """Lines for people."""
    share = f" ({100 * state.position / state.total:.1f} %)" if state.total else ""
    lines = [f"{state.run}: {_TITLES[state.state]}, {state.position} of {counted(state.total, 'image')}{share}"]
    status = state.status
    if state.job:
        lines.append(f"Slurm job {state.job}")
    if status is None:
        lines.append("It has not said how it is: it has not trained yet, or with an earlier version.")
        return lines + _requests(state)
    if state.is_trained and status.images_per_s is not None:
        left = "" if status.eta_s is None else f", {_duration(status.eta_s)} left"
        lines[0] += f", {status.images_per_s:.3g} images/s{left}"
    if status.outcome:
        lines.append(one_line(status.outcome))
    saved = "none yet" if status.checkpoint is None else f"at {counted(status.checkpoint, 'image')}"
    lines.append(f"newest checkpoint: {saved}")
    lines.append(f"hosts: {_hosts(status.hosts)}")
    lines.append(f"attempt {status.attempt}, started {_moment(status.started)}, heard {_duration(state.age_s)} ago")
    if state.state == "silent":
        lines.append(
            f"Nothing was heard for {_duration(state.age_s)}: it was killed, is frozen, or its machines are cut off. "
            "Its launcher and the files in its logs folder may say more."
        )
    return lines + _requests(state)


_TITLES: dict[State, str] = {
    "training": "training",
    "evaluating": "evaluating",
    "ended": "ended, and not being trained now",
    "silent": "not heard of",
    "starting": "starting",
    "unknown": "not being trained, as far as can be told",
}


def _requests(state: RunState) -> list[str]:
    return [f"asked to {state.asked}, and has not done so yet"] if state.asked else []


def _hosts(hosts: Sequence[HostStatus]) -> str:
    shown = [f"{one_line(host.host)} ({_ranks(host.ranks)})" for host in hosts[:_MOST_HOSTS]]
    more = len(hosts) - _MOST_HOSTS
    return ", ".join([*shown, *([f"and {more} more"] if more > 0 else [])]) or "none"


def _ranks(ranks: Sequence[int]) -> str:
    if len(ranks) > _MOST_RANKS and list(ranks) == list(range(ranks[0], ranks[0] + len(ranks))):
        return f"ranks {ranks[0]} to {ranks[-1]}"
    shown = ", ".join(map(str, ranks[:_MOST_RANKS])) + (" ..." if len(ranks) > _MOST_RANKS else "")
    return f"rank{'s' if len(ranks) != 1 else ''} {shown}"


def _duration(seconds: float | None) -> str:
    whole = round(min(seconds or 0.0, 1e9))
    return f"{whole} s" if whole < 100 else str(timedelta(seconds=whole))


def _moment(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):  # a year that no calendar has
        return "at no known time"
