"""What a way to start a run is, what it is asked, and what it tells beforehand."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from launch.hosts.options import Machines
from trainer.runs.config import RunConfig
from trainer.runs.rundir import RunDir


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user asked for, before anything was done."""

    command: str
    """`launch` or `train`."""
    words: tuple[str, ...]
    """The arguments behind `diptych COMMAND`, as they were given."""
    config: RunConfig
    machines: Machines
    run: Path
    """Folder of the run, which may not be there yet."""
    in_run: Callable[[Callable[[RunDir], int]], int]
    """Make the data and the run, or find the one to be continued; then do what is given with it.

    Returns the exit status of that. A new run that failed before its first step is removed. What can be checked without
    the run, as whether the hosts answer, is checked before.
    """


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command of one machine."""

    host: str
    command: str
    """To be copied into a shell; empty where no process is started."""
    ranks: range | None = None
    """Their numbers among all; None where they are not known beforehand."""
    text: str = ""
    """What the command reads, or what is written for it, without secrets."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to start a run."""

    name: str
    """As in `training over ssh`."""
    flag: str
    """What asks for it, e.g. `--hostfile`."""
    is_asked: Callable[[Machines], bool]
    uses: frozenset[str]
    """Fields of `Machines` that mean something to it, beside those of its flag and --dry-run."""
    check: Callable[[Request], None]
    """Raises ConfigError for what is wrong before anything is made or contacted."""
    describe: Callable[[Request], list[Step]]
    """What would be started where. Makes and contacts nothing. Raises ConfigError."""
    start: Callable[[Request], int]
    """Train, or hand on to who does. Returns the exit status. Raises ConfigError or DatasetError."""
