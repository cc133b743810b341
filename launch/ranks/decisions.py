"""What a coordinator decides, as pure functions: which failure was the first, whether to start again, and where."""

import signal
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from launch.hosts.host import Host, Share, share_ranks
from launch.ranks.messages import Ended
from trainer.ranks.exits import CRASHED, FINISHED, MACHINE_DIED, NO_PROGRESS, STOPPED

LONGEST_WAIT_S = 60.0

FAULTS = 2
"""A host at fault so often in a row is left out."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """The end of a rank that should not have ended so, or of a host."""

    host: str
    rank: int | None
    """None where the whole host is lost."""
    time: float
    """Unix seconds, by the coordinator's clock."""
    status: int
    """As `Ended.status`; MACHINE_DIED for a host."""
    text: str
    """One line: the exception, the signal, or how the host was lost."""
    tail: str = ""
    ranks: Sequence[int] = ()
    """Whose logs may tell more."""
    is_secondary: bool = False
    """Whether it says no more than that another rank is gone."""
    missed_host: str = ""
    """The host of the rank that it has waited for in vain; empty where none is named."""

    @property
    def host_at_fault(self) -> str:
        """Whose fault it is."""
        return self.missed_host or self.host

    @property
    def is_mortal(self) -> bool:
        """Whether a machine is at fault rather than what ran on it: the host is lost, or a signal ended the rank."""
        return self.status < 0 or (self.rank is None and self.status == MACHINE_DIED)


def failure_of(ended: Ended, *, host: str, ahead_s: float, hosts: Mapping[int, str]) -> Failure:
    """What a rank's end tells.

    Args:
        host: its own, whose clock is `ahead_s` seconds ahead of the coordinator's.
        hosts: of all ranks.
    """
    record = ended.record or {}
    noted = record.get("time")
    when = noted if isinstance(noted, int | float) else ended.time
    text = str(record.get("error") or "") or _fate(ended.status)
    return Failure(
        host=host,
        rank=ended.rank,
        time=when - ahead_s,
        status=ended.status,
        text=text,
        tail=ended.tail,
        ranks=[ended.rank],
        is_secondary=record.get("secondary") is True,
        missed_host=_missed_host(record.get("missing"), hosts),
    )


def _missed_host(missing: object, hosts: Mapping[int, str]) -> str:
    named = [hosts[rank] for rank in missing if rank in hosts] if isinstance(missing, list) else []
    return named[0] if named else ""


def _fate(status: int) -> str:
    if status >= 0:
        return f"ended with exit status {status}"
    how = f"was killed by signal {-status} ({signal.strsignal(-status)})"
    return f"{how}. Is there enough memory?" if status == -signal.SIGKILL else how


def first_failure(failures: Collection[Failure]) -> Failure:
    """The cause of the others: the earliest that complains of no other; else the earliest that names who is missing.

    A rank that is killed has written nothing, and is noticed later than its peers write that they have lost it.
    """
    return min(failures, key=lambda failure: (failure.is_secondary, not failure.missed_host, failure.time))


def is_worth_another_try(failure: Failure) -> bool:
    """What was explained would be the same again."""
    return failure.is_mortal or failure.status == CRASHED


def back_off_s(restart: int) -> float:
    """How long to wait before the first, second ... restart in a row: 1, 2, 4 ... seconds."""
    return min(LONGEST_WAIT_S, 2.0 ** (restart - 1))


def status_of(failure: Failure, *, restarts: int = 0) -> int:
    """The exit status of a job that ends with this failure, after restarts without progress."""
    if failure.is_mortal:
        return NO_PROGRESS if restarts else MACHINE_DIED
    return failure.status


def status_of_ends(statuses: Collection[int]) -> int:
    """The exit status of a job in which nothing failed, though ranks may have been told to stop, or ended at once."""
    if -signal.SIGKILL in statuses:
        return 128 + signal.SIGKILL
    return FINISHED if set(statuses) <= {FINISHED} else STOPPED


@dataclass
class Record:
    """What has happened in this job: restarts in a row without progress, and whose faults they were."""

    limit: int
    position: int = 0
    """Of the newest checkpoint, in images."""
    restarts: int = 0
    at_fault: str = ""
    """The host of the newest failure."""
    in_a_row: int = 0
    left_out: set[str] = field(default_factory=set)
    """Hosts that are not to be used again."""

    def note(self, failure: Failure, *, position: int) -> None:
        """After an attempt that failed, whose newest checkpoint was at `position`."""
        if position > self.position:
            self.position, self.restarts = position, 0
        self.restarts += 1
        self.in_a_row = self.in_a_row + 1 if failure.host_at_fault == self.at_fault else 1
        self.at_fault = failure.host_at_fault
        if self.in_a_row >= FAULTS:
            self.left_out.add(self.at_fault)

    @property
    def is_used_up(self) -> bool:
        """Whether there were restarts enough."""
        return self.restarts > self.limit


def next_shares(
    hosts: Sequence[Host], *, num_procs: tuple[int, int], allowed: Callable[[int], bool] = lambda number: True
) -> list[Share]:
    """As many ranks as the hosts can hold and the run allows; no shares if that is fewer than wanted."""
    least, most = num_procs
    slots = sum(host.slots for host in hosts)
    for number in range(min(most, slots), least - 1, -1):
        if allowed(number):
            return share_ranks(hosts, num_ranks=number)
    return []


def describe_shares(shares: Sequence[Share]) -> str:
    """`n1 2, n3 2`."""
    return ", ".join(f"{share.host} {share.num_ranks}" for share in shares)


def hosts_of_ranks(shares: Sequence[Share]) -> Mapping[int, str]:
    """Rank -> host."""
    return {rank: share.host for share in shares for rank in share.ranks}
