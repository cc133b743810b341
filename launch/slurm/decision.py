"""What becomes of a job when its training ends: pure functions of what is known then."""

import re
from dataclasses import dataclass

from trainer.ranks import exits

MOST_IDLE = 3
"""So many jobs one after the other, of which none has brought a newer checkpoint, are enough."""

_AGAIN = (exits.CRASHED, exits.MACHINE_DIED)
"""Worth another try, on other nodes perhaps."""
_SIGNALLED = 128


@dataclass(frozen=True, kw_only=True)
class JobState:
    """How Slurm sees a job, as `scontrol show job` tells it."""

    is_running: bool
    """Neither cancelled, nor requeued by Slurm itself: both are ended by the same signal."""
    is_preempted: bool
    """It is to make room for another, and ends after its time of grace at the latest."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How training ended in a job."""

    status: int
    """Exit status of the launcher; negative if a signal ended it."""
    was_told: bool
    """Slurm's signal came: the time is nearly over."""
    job: JobState
    before: int
    """Position of the newest checkpoint when the job began, in images."""
    after: int
    """The same at its end."""
    idle: int
    """Jobs of this run before this one, one after the other, that brought no newer checkpoint."""


@dataclass(frozen=True, kw_only=True)
class Requeue:
    """The job goes back to the queue."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Stop:
    """The job ends."""

    status: int
    reason: str = ""


def parse_job_state(text: str) -> JobState:
    """What the one line of `scontrol show job --oneliner` says."""
    values = dict(re.findall(r"(\w+)=(\S*)", text))
    preempted = values.get("PreemptTime", "None") not in ("None", "Unknown", "N/A")
    return JobState(is_running=values.get("JobState") in ("RUNNING", "SUSPENDED"), is_preempted=preempted)


def count_idle(before: int, *, last: int | None, idle: int) -> int:
    """Jobs without progress, one after the other, when a job begins.

    Args:
        before: position of the newest checkpoint now.
        last: the same when the job before this one began; None if there was none.
        idle: what was counted then.
    """
    return idle + 1 if last is not None and before <= last else 0


def what_next(ending: Ending) -> Requeue | Stop:
    """Whether a job goes on in another one, and why; or its exit status."""
    reason = _reason(ending)
    if reason is None:
        return Stop(status=_status(ending))
    if not ending.job.is_running:
        # Cancelled by the user, who would not see why it comes back; or requeued by Slurm, so that nothing is to do.
        return Stop(status=_status(ending), reason="Slurm has ended the job: it is cancelled, or queued again already.")
    if count_idle(ending.after, last=ending.before, idle=ending.idle) >= MOST_IDLE:
        return Stop(status=exits.NO_PROGRESS, reason=no_progress_text(ending.after))
    return Requeue(reason=reason)


def no_progress_text(position: int) -> str:
    """Why a run is not queued once more, and what to do."""
    return (
        f"{MOST_IDLE} jobs of this run one after the other have saved nothing newer than {position} images: it is not "
        "queued again. See their logs. A longer --time-limit or a smaller checkpoint.period_kimg may be what it needs."
    )


def _status(ending: Ending) -> int:
    return ending.status if ending.status >= 0 else _SIGNALLED - ending.status


def _reason(ending: Ending) -> str | None:
    """Why to go on; None where that would do nothing, or is not wanted."""
    if ending.status == exits.STOPPED:
        if ending.job.is_preempted:
            return "another job takes its nodes"
        # Without a signal of Slurm's it was `diptych stop`.
        return "its time is over" if ending.was_told else None
    if ending.status < 0 or ending.status in _AGAIN or ending.status > _SIGNALLED:
        return f"training was cut short (exit status {_status(ending)})"
    return None
