"""Options that say which machines Slurm is asked for, and for how long."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
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
    "--clusters": "would have other commands of Slurm ask the wrong one; set SLURM_CLUSTERS for all of them",
    "--cpus-per-task": "follows from --cpus-per-rank",
    "--export": "names the variables that training needs; for one more there is --env",
    "--gpus": "is --gpus-per-node for each node",
    "--gpus-per-node": "has a flag of its own",
    "--gpus-per-task": "is --gpus-per-node, as there is one task on each node",
    "--job-name": "follows the run's name",
    "--nodes": "has a flag of its own, --nodes",
    "--no-requeue": "would end a run at its first time limit",
    "--ntasks": "is one for each node: it starts that node's ranks",
    "--ntasks-per-node": "is one: it starts the node's ranks",
    "--open-mode": "must be append: a job that is requeued goes on in the same file",
    "--output": "is in the run's folder",
    "--requeue": "is set already",
    "--signal": "has a flag of its own, --notice-s",
    "--test-only": "submits nothing; --dry-run shows the script",
    "--time": "has a flag of its own, --time-limit",
    "--wait": "would wait for the end of the job",
    "--wrap": "would replace the script",
}
"""Options of sbatch that the script sets, or cannot do with, and why."""
_FLAG_VARIABLES = {
    "time_limit": "SBATCH_TIMELIMIT",
    "partition": "SBATCH_PARTITION",
    "account": "SBATCH_ACCOUNT",
    "qos": "SBATCH_QOS",
}
_OPTION_VARIABLES = {"--constraint": "SBATCH_CONSTRAINT", "--reservation": "SBATCH_RESERVATION"}
"""Defaults of the user's: sbatch would prefer them to the script, and the jobs that follow would not know them."""


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

    def with_defaults(self, environ: Mapping[str, str]) -> "SlurmOptions":
        """What sbatch would take from the environment, too, where no flag says otherwise."""
        values = {name: getattr(self, name) or environ.get(variable, "") for name, variable in _FLAG_VARIABLES.items()}
        given = {argument.partition("=")[0] for argument in self.slurm_arg}
        further = tuple(
            f"{option}={environ[variable]}"
            for option, variable in _OPTION_VARIABLES.items()
            if environ.get(variable) and option not in given
        )
        return replace(self, **values, slurm_arg=(*further, *self.slurm_arg))

    @property
    def gres_gpus(self) -> int:
        """GPUs of each node that a further option asks for, as `--gres=gpu:a100:8`; 0 if none does."""
        values = (arg.removeprefix("--gres=") for arg in self.slurm_arg if arg.startswith("--gres="))
        parts = [entry.split(":") for value in values for entry in value.split(",")]
        return sum(int(last) if last.isdigit() else 1 for kind, *_, last in map(_padded, parts) if kind == "gpu")

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


def _padded(parts: list[str]) -> list[str]:
    """`gpu` -> `gpu`, ``: there is a last one beside the first."""
    return parts if len(parts) > 1 else [*parts, ""]


def _check_argument(argument: str) -> None:
    match = _ARGUMENT.fullmatch(argument)
    if match is None or not argument.isprintable():
        raise ConfigError("slurm_arg", argument, "use one option of sbatch in its long form, as --constraint=a100.")
    # sbatch takes the beginning of an option's name for the option
    ours = match[1] if match[1] in _OURS else next((name for name in _OURS if name.startswith(match[1])), None)
    if ours is not None:
        raise ConfigError("slurm_arg", argument, f"{ours} {_OURS[ours]}.")
