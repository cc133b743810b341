"""One start of all ranks: watched until each has ended or its host is lost, all told to end when one fails."""

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from launch.hosts.host import Share
from launch.ranks.decisions import Failure, failure_of, first_failure, hosts_of_ranks
from launch.ranks.display import Display
from launch.ranks.links import Heard, Links
from launch.ranks.messages import (
    Asked,
    CannotStart,
    Ended,
    Kill,
    Listening,
    LogPart,
    Lost,
    Message,
    Output,
    Start,
    Stop,
)
from launch.ranks.output import append, log_name
from trainer.loop.stop import stop_signal
from trainer.ranks.exits import FAILED, FINISHED, MACHINE_DIED, STOPPED

GRACE_S = 10.0
"""After one rank has failed, the others have this long to end by themselves."""

SETTLE_S = 1.0
"""Signals that follow the first so soon say the same: kernel and shell both tell of a closed terminal."""

MEETING_S = 60.0
"""A host that has not said by then where ranks are to meet is taken for lost: it may wait for a file system."""

REPORT_S = 10.0
"""A host that was told to end its ranks at once, and has not said so by then, is taken for lost."""


@dataclass
class Outcome:
    """How an attempt ended."""

    statuses: dict[int, int] = field(default_factory=dict)
    """Rank -> its exit status, of those that were heard to end."""
    failures: list[Failure] = field(default_factory=list)
    was_told: bool = False
    """A signal told the launcher to stop."""
    ending_s: float = 0.0
    """From the first failure that was noticed to the last rank's end."""

    @property
    def first(self) -> Failure | None:
        """The failure that caused the others."""
        return first_failure(self.failures) if self.failures else None


class Attempt:
    """Starts the ranks of `shares`, and watches them.

    Args:
        start: what is common to all shares.
        received: when signals to stop came; a signal handler adds to it.
        logs: folder of this attempt's logs.
    """

    def __init__(
        self,
        start: Start,
        shares: Sequence[Share],
        *,
        links: Links,
        display: Display,
        received: list[float],
        logs: Path,
    ) -> None:
        self._start = start
        self._shares = {share.host: share for share in shares}
        self._host_of = hosts_of_ranks(shares)
        self._links = links
        self._display = display
        self._received = received
        self._logs = logs
        self._outcome = Outcome()
        self._resolved: set[int] = set()
        self._started: set[str] = set()
        self._told = self._killed = False
        self._first_seen_s = self._deadline = float("inf")
        self._meeting_deadline = time.monotonic() + MEETING_S if links.is_remote else float("inf")

    def run(self) -> Outcome:
        """Until no rank is left."""
        self._send_start(next(iter(self._shares)), self._start)  # where rank 0 is: it tells where all ranks meet
        while len(self._resolved) < self._start.world_size:
            for heard in self._links.poll():
                self._hear(heard)
            self._look()
        if self._outcome.failures:
            self._outcome.ending_s = time.monotonic() - self._first_seen_s
        self._display.flush()
        return self._outcome

    def _send_start(self, host: str, start: Start) -> None:
        share = self._shares[host]
        self._started.add(host)
        if host not in self._links.present:
            self._lose(host, "its agent is gone")
            return
        self._links.send(host, replace(start, first_rank=share.first_rank, num_ranks=share.num_ranks))

    def _send_others(self, master: str) -> None:
        for host in self._shares:
            if host not in self._started and not self._told:  # the one before may be gone
                self._send_start(host, replace(self._start, master=master))

    def _hear(self, heard: Heard) -> None:
        message = heard.message
        if getattr(message, "attempt", self._start.attempt) != self._start.attempt or heard.host not in self._shares:
            return  # of an attempt that is over, or of a host that has no ranks in this one
        match message:
            case Output():
                self._display.show(message)
            case LogPart():
                append(self._logs / log_name(message.rank), message.text.encode("latin-1"))
            case Listening():
                self._meeting_deadline = float("inf")
                self._send_others(message.master)
            case CannotStart():
                self._lose(heard.host, f"ranks could not be started: {message.error}", status=FAILED)
            case Ended():
                self._note_end(heard.host, message)
            case Lost():
                self._lose(heard.host, f"the host is lost: {message.reason}")
            case Asked():
                self._stop_for_user()
            case _:
                pass

    def _look(self) -> None:
        if self._received:
            self._stop_for_user()
        if time.monotonic() > self._meeting_deadline:
            self._meeting_deadline = float("inf")
            self._give_up(self._host_of[0], "the host does not start its ranks")
        insisted = bool(self._received) and self._received[-1] - self._received[0] > SETTLE_S
        late = time.monotonic() > self._deadline
        if (insisted or late) and not self._killed:
            self._killed = True
            self._deadline = time.monotonic() + REPORT_S
            self._send_all(Kill())
        elif late:
            for host in self._unresolved_hosts():
                self._give_up(host, "the host does not say that its ranks have ended")

    def _give_up(self, host: str, reason: str) -> None:
        self._links.dismiss(host)
        self._lose(host, reason)

    def _stop_for_user(self) -> None:
        self._outcome.was_told = True
        self._tell()

    def _tell(self) -> None:
        """Told once, ranks finish their step and save."""
        if self._told:
            return
        self._told = True
        self._send_all(Stop())
        for host, share in self._shares.items():  # whose ranks have not been started, and will not be
            if host not in self._started:
                self._resolved |= set(share.ranks)

    def _send_all(self, message: Message) -> None:
        for host in self._unresolved_hosts():
            self._links.send(host, message)

    def _unresolved_hosts(self) -> list[str]:
        return [host for host in self._shares if host in self._started and not self._is_resolved(host)]

    def _is_resolved(self, host: str) -> bool:
        return self._resolved.issuperset(self._shares[host].ranks)

    def _note_end(self, host: str, ended: Ended) -> None:
        self._resolved.add(ended.rank)
        self._outcome.statuses[ended.rank] = ended.status
        if ended.status in (FINISHED, STOPPED):
            return
        if self._told and ended.status in self._own_signals():
            return
        ahead_s = self._links.present.get(host, 0.0)
        self._fail(failure_of(ended, host=host, ahead_s=ahead_s, hosts=self._host_of))

    def _own_signals(self) -> set[int]:
        """Statuses of ranks that ended because this launcher told them to."""
        return {-stop_signal(), -signal.SIGKILL} if self._killed else {-stop_signal()}

    def _lose(self, host: str, reason: str, *, status: int = MACHINE_DIED) -> None:
        if self._is_resolved(host):
            return
        ranks = [rank for rank in self._shares[host].ranks if rank not in self._resolved]
        self._resolved |= set(ranks)
        self._fail(Failure(host=host, rank=None, time=time.time(), status=status, text=reason, ranks=ranks))

    def _fail(self, failure: Failure) -> None:
        self._outcome.failures.append(failure)
        if len(self._outcome.failures) == 1:
            self._first_seen_s = time.monotonic()
            self._deadline = self._first_seen_s + GRACE_S
        self._tell()
