"""Options that say which machines Slurm is asked for, and for how long."""

import re
from dataclasses import dataclass
from typing import Annotated

import tyro

from trainer.config.bounds import AtLeast
from trainer.config.errors import ConfigError, require
from trainer.config.section import check_bounds

_DURATION = re.compile(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?")
_ARGUMENT = re.compile(r"(--[a-z][a-z-]*)(?:=.*)?")
_OURS = {
    "--array": "is for many small jobs; a run is one",
    "--chdir": "is the folder where the job is submitted",
    "--job-name": "follows the run's name",
    "--nodes": "has a flag of its own, --nodes",
    "--no-requeue": "would end a run at its first time limit",
    "--ntasks": "is one for each node: it starts that node's ranks",
    "--ntasks-per-node": "is one: it starts the node's ranks",
    "--open-mode": "must be append: a job that is requeued goes on in the same file",
    "--output": "is in the run's folder",
    "--requeue": "is set already",
    "--signal": "has a flag of its own, --notice-s",
    "--time": "has a flag of its own, --time-limit",
    "--cpus-per-task": "follows from --cpus-per-rank",
    "--gpus-per-node": "has a flag of its own",
    "--wrap": "would replace the script",
}
"""Options of sbatch that the script sets, or cannot do with, and why."""


@dataclass(frozen=True, kw_only=True)
class SlurmOptions:
    """A job of Slurm."""

    slurm: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Submit a job to Slurm that trains on its nodes, and comes back after each time limit until training has ended."""
    gpus_per_node: Annotated[int | None, AtLeast(0, "use 0 (ranks on the CPU) or more.")] = None
    """With --slurm: GPUs of each node, with a rank on each. With 0 ranks run on the CPU: --num-procs in all, or one on
    each node."""
    time_limit: str = ""
    """With --slurm: of each job, as `90` (minutes), `4:00:00` or `2-12:00:00`; the partition's default if not given."""
    notice_s: Annotated[int, AtLeast(1, "use 1 or more; long enough for a step and a checkpoint.", most=65535)] = 180
    """With --slurm: so long before the time limit training is stopped, to save and queue again."""
    partition: str = ""
    """With --slurm: where to queue; the cluster's default if not given."""
    account: str = ""
    """With --slurm: who pays."""
    qos: str = ""
    """With --slurm: quality of service."""
    slurm_arg: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="--NAME=VALUE")] = ()
    """With --slurm: one more option of sbatch, e.g. `--slurm-arg=--constraint=a100`."""

    def check(self) -> None:
        """Raise ConfigError for what is out of bounds, or not Slurm's to understand."""
        check_bounds(self)
        for name in ("time_limit", "partition", "account", "qos"):
            value = getattr(self, name)
            require(value == "" or value.isprintable(), name, value, "must be one line of text.")
        for argument in self.slurm_arg:
            _check_argument(argument)
        seconds = duration_s(self.time_limit) if self.time_limit else None
        remedy = f"is not less than time_limit = {self.time_limit}: training would be stopped before it began."
        require(seconds is None or self.notice_s < seconds, "notice_s", self.notice_s, remedy)


def duration_s(text: str) -> int:
    """Seconds of a time as Slurm writes it: M, M:S, H:M:S, D-H, D-H:M or D-H:M:S. Raises ConfigError."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ConfigError("time_limit", text, "use minutes, hours as 4:00:00, or days as 2-12:00:00.")
    days, *rest = match.groups()
    numbers = [int(part) for part in rest if part is not None]
    if days is None and len(numbers) < 3:  # M or M:S
        numbers.insert(0, 0)
    hours, minutes, seconds = (*numbers, 0, 0)[:3]
    return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds


def _check_argument(argument: str) -> None:
    match = _ARGUMENT.fullmatch(argument)
    if match is None or not argument.isprintable():
        raise ConfigError("slurm_arg", argument, "use one option of sbatch in its long form, as --constraint=a100.")
    if match[1] in _OURS:
        raise ConfigError("slurm_arg", argument, f"{match[1]} {_OURS[match[1]]}.")
