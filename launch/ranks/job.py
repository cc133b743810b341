"""A run on the hosts of a job: attempts follow each other until it is finished, was stopped, or cannot go on."""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from launch.hosts.host import Host, Share, share_ranks
from launch.ranks.agents import Agents, Where
from launch.ranks.attempt import Attempt, Outcome
from launch.ranks.decisions import (
    Failure,
    Record,
    back_off_s,
    describe_shares,
    is_worth_another_try,
    next_shares,
    status_of,
    status_of_ends,
)
from launch.ranks.display import Display
from launch.ranks.failure_block import failure_block, say_failure
from launch.ranks.gather import Gathering, NobodyError, StoppedError, choose_hosts
from launch.ranks.interpreter import module_command
from launch.ranks.links import Links, LocalLinks
from launch.ranks.messages import Prepare, Start
from launch.ranks.server import RemoteLinks
from sharding.console import counted, make_console, one_line
from trainer.checkpoints.layout import latest_checkpoint
from trainer.loop.stop import handle, restore
from trainer.ranks.exits import MACHINE_DIED, STOPPED, WRONG_INPUT
from trainer.runs.rundir import RunDir


@dataclass(frozen=True, kw_only=True)
class Restarts:
    """How often a failed attempt is followed by another."""

    limit: int = 3
    """Restarts in a row without a new checkpoint."""


DEFAULT_RESTARTS = Restarts()


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run, and where its ranks are to be."""

    run: Path
    hosts: Sequence[Host]
    """All that may be used, in this order: those beyond what `num_procs` needs are spares."""
    num_procs: tuple[int, int]
    """Ranks, at least and at most."""
    again: str
    """The command with which the user goes on after a failure."""
    restarts: Restarts = DEFAULT_RESTARTS
    device: str = "auto"
    """As `EngineConfig.device`: ranks on the CPU have cores of their own."""
    allowed: Callable[[int], bool] = lambda number: True
    """Whether the run can be trained on that many ranks."""
    is_looked_at: bool = False
    """The user has seen what the hosts are like, before the run was made."""
    is_strict: bool = True
    """A host that does not come at the start is the user's to see to; else it is a machine that died."""
    probe: bool = False
    """Time an all-reduce instead of training."""


def run_here(job: Job, *, command: Sequence[str] = ()) -> int:
    """Train on this machine, the only host of the job, without any port. Returns the exit status.

    Args:
        command: what each rank runs; a training of the run if not given.

    Raises:
        ConfigError: another process trains this run.
    """
    command = command or module_command("trainer.main", str(job.run))
    with RunDir(job.run).only_process() as lock, _signals() as received, Display() as display:
        place = {"terminal": display.looks_itself, "held": [lock]}
        with closing(LocalLinks(job.run, host=job.hosts[0], command=command, **place)) as links:
            return _Course(job, links, display, received).until_the_end()


def run_job(job: Job, *, agents: Agents, address: str, port: int = 0, token: str = "") -> int:
    """Train on several hosts: listen there, have their agents come, start and restart ranks. Returns the exit status.

    Args:
        port: 0 is a free one.
        token: what shows that agents are this job's; a new one if not given.

    Raises:
        ConfigError: more ranks than slots, or another process trains this run.
        OSError: it cannot listen at that address and port.
    """
    share_ranks(job.hosts, num_ranks=job.num_procs[0])  # raises if they are too many
    where = Where(address, port, token or secrets.token_hex(32))
    with RunDir(job.run).only_process(), _signals() as received, Display() as display:
        links = RemoteLinks(job.hosts, agents=agents, where=where)
        with closing(links):
            return _Course(job, links, display, received).until_the_end()


@contextmanager
def _signals() -> Iterator[list[float]]:
    """When signals to stop have come."""
    received: list[float] = []
    former = handle(lambda *_: received.append(time.monotonic()))
    try:
        yield received
    finally:
        restore(former)


def _names(hosts: Sequence[Host]) -> str:
    return ", ".join(one_line(host.name) for host in hosts)


class _Course:
    """The attempts of a job, one after the other."""

    def __init__(self, job: Job, links: Links, display: Display, received: list[float]) -> None:
        self._job = job
        self._links = links
        self._display = display
        self._received = received
        self._run = RunDir(job.run)
        self._gathering = Gathering(
            links,
            job.hosts,
            stopped=lambda: bool(received),
            device=job.device,
            is_told=job.is_looked_at,
        )
        self._record = Record(limit=job.restarts.limit, position=self._position())
        self._stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")

    def until_the_end(self) -> int:
        """Returns the exit status."""
        attempt = 0
        try:
            while True:
                attempt += 1
                shares = self._gather(attempt)
                outcome = self._try(attempt, shares)
                self._gathering.note_lost(self._gone(shares, outcome))
                if outcome.first is None:
                    return status_of_ends(outcome.statuses.values())
                status = self._after(outcome, outcome.first, attempt)
                if status is not None:
                    return status
        except StoppedError:
            return STOPPED
        except NobodyError as error:
            make_console(stderr=True).error(f"{one_line(error)}\n  to go on: {self._job.again}")
            return WRONG_INPUT if error.is_input else MACHINE_DIED

    def _logs(self, attempt: int) -> Path:
        return self._run.path / "logs" / f"{self._stamp}-{attempt}"

    def _position(self) -> int:
        """Of the newest checkpoint."""
        newest = latest_checkpoint(self._run.checkpoints)
        return 0 if newest is None else int(newest.name)

    def _gather(self, attempt: int) -> list[Share]:
        logs = self._logs(attempt)
        logs.mkdir(parents=True, exist_ok=True)
        run_json = self._run.run_file.read_text() if self._run.run_file.is_file() else ""
        hosts = self._gathering.gather(
            Prepare(run_json=run_json, logs=logs.name, run=str(self._job.run)),
            num_procs=self._job.num_procs,
            left_out=self._left_out(),
            strict=attempt == 1 and self._job.is_strict,
        )
        shares = next_shares(hosts, num_procs=self._job.num_procs, allowed=self._job.allowed)
        if not shares:
            raise NobodyError({"num_procs": f"the global batch fits no number of ranks that {_names(hosts)} can hold"})
        return shares

    def _try(self, attempt: int, shares: Sequence[Share]) -> Outcome:
        start = Start(
            attempt=attempt,
            first_rank=0,
            num_ranks=0,
            world_size=sum(share.num_ranks for share in shares),
            logs=self._logs(attempt).name,
            device=self._job.device,
            terminal=self._display.settings(is_remote=self._links.is_remote),
            probe=self._job.probe,
        )
        return Attempt(
            start,
            shares,
            links=self._links,
            display=self._display,
            received=self._received,
            logs=self._logs(attempt),
        ).run()

    def _gone(self, shares: Sequence[Share], outcome: Outcome) -> list[str]:
        """Hosts whose agents are not there any more, or said nothing when they should."""
        return [share.host for share in shares if share.host not in self._links.present]

    def _after(self, outcome: Outcome, first: Failure, attempt: int) -> int | None:
        """Say what failed. Returns the exit status; None if another attempt is to follow."""
        self._record.note(first, position=self._position())
        status, then = self._decide(outcome, first)
        block = failure_block(
            outcome.failures, first, attempt=attempt, logs=self._logs(attempt), ending_s=outcome.ending_s
        )
        say_failure(block, then=then)
        if status is None:
            self._gathering.wait(back_off_s(self._record.restarts))
        return status

    def _decide(self, outcome: Outcome, first: Failure) -> tuple[int | None, str]:
        """The exit status, or None for another attempt, and what to tell the user."""
        again = f"to go on: {self._job.again}"
        if outcome.was_told or not is_worth_another_try(first):
            return status_of(first), again
        if self._record.is_used_up:
            limit = self._record.limit
            after = f"after {counted(limit, 'restart')} without a new checkpoint; " if limit else ""
            return status_of(first, restarts=limit), after + again
        shares = self._planned()
        number, wait_s = self._record.restarts, back_off_s(self._record.restarts)
        ranks = counted(sum(share.num_ranks for share in shares), "rank")
        out = "".join(f"; {one_line(host)} is left out" for host in sorted(self._left_out()))
        return None, (
            f"restarting on {ranks} in {wait_s:.0f} s ({number} of {self._record.limit}): "
            f"{one_line(describe_shares(shares))}{out}"
        )

    def _planned(self) -> list[Share]:
        """Where the next attempt's ranks will be, if the hosts answer."""
        left_out = self._left_out()
        usable = [host for host in self._job.hosts if host.name not in left_out]
        hosts = choose_hosts(usable, num_procs=self._job.num_procs, lost=self._gathering.lost)
        return next_shares(hosts, num_procs=self._job.num_procs, allowed=self._job.allowed)

    def _left_out(self) -> set[str]:
        """Nobody where the others are too few: then restarts are limited by their number alone."""
        others = [host for host in self._job.hosts if host.name not in self._record.left_out]
        enough = sum(host.slots for host in others) >= self._job.num_procs[0]
        return self._record.left_out if enough else set()
