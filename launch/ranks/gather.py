"""Before an attempt: which hosts take part, and that their agents are there and can start ranks."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from launch.doctor.compare import Heard
from launch.doctor.host import parse_report
from launch.doctor.verdict import say_verdict
from launch.hosts.host import Host
from launch.ranks.links import Links
from launch.ranks.messages import Asked, Lost, Prepare, Prepared
from sharding.storage.records import RecordError


class StoppedError(Exception):
    """A signal told the launcher to stop before ranks were started."""


@dataclass
class NobodyError(Exception):
    """Too few hosts take part."""

    reasons: dict[str, str]
    """Host -> why it does not."""
    is_input: bool = False
    """Whether it lacks what the user must see to: another try would not help."""

    def __str__(self) -> str:
        return "; ".join(f"{host}: {reason}" for host, reason in self.reasons.items()) or "no host is left"


def choose_hosts(hosts: Sequence[Host], *, num_procs: tuple[int, int], lost: Collection[str]) -> list[Host]:
    """The first hosts that can hold all ranks; those that were lost only if the least number needs them.

    Returns:
        In the order given; empty if they cannot hold the least number.
    """
    least, most = num_procs
    sound = [host for host in hosts if host.name not in lost]
    usable = sound if _slots(sound) >= least else [*sound, *(host for host in hosts if host.name in lost)]
    if _slots(usable) < least:
        return []
    chosen: list[Host] = []
    for host in usable:
        if _slots(chosen) < most:
            chosen.append(host)
    return [host for host in hosts if host in chosen]


def _slots(hosts: Sequence[Host]) -> int:
    return sum(host.slots for host in hosts)


class Gathering:
    """Who is there, over all attempts of a job.

    Args:
        stopped: whether a signal told the launcher to stop.
        device: as `EngineConfig.device`.
        is_told: the user has seen what the hosts are like.
    """

    def __init__(
        self, links: Links, hosts: Sequence[Host], *, stopped: Callable[[], bool], device: str, is_told: bool
    ) -> None:
        self._links = links
        self._hosts = hosts
        self._stopped = stopped
        self._device = device
        self._is_told = is_told
        self._reports: dict[str, Heard] = {}
        self.lost: set[str] = set()
        """Hosts that were there and are not any more."""

    def note_lost(self, hosts: Collection[str]) -> None:
        """After an attempt: their agents are gone, or are let go."""
        for host in hosts:
            self._links.dismiss(host)
            self._reports.pop(host, None)
            self.lost.add(host)

    def gather(
        self, prepare: Prepare, *, num_procs: tuple[int, int], left_out: Collection[str], strict: bool
    ) -> list[Host]:
        """Hosts whose agents are ready, enough for the ranks.

        Args:
            strict: one that does not answer is an error, even if the others could hold the ranks.

        Raises:
            NobodyError: too few have answered.
            StoppedError: told to stop meanwhile.
        """
        reasons: dict[str, str] = {}
        while True:
            usable = [host for host in self._hosts if host.name not in left_out and host.name not in reasons]
            chosen = choose_hosts(usable, num_procs=num_procs, lost=self.lost)
            if not chosen:
                raise NobodyError(reasons)
            failed = self._bring(chosen) or self._prepare(chosen, prepare)
            if not failed:
                return chosen
            reasons |= failed
            if strict:
                raise NobodyError(reasons, is_input=True)

    def wait(self, seconds: float) -> None:
        """Before a restart. Raises StoppedError if a signal comes."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for _ in self._events():
                pass

    def _bring(self, hosts: Sequence[Host]) -> dict[str, str]:
        """Have their agents come. Returns those that do not, and why."""
        for host in hosts:
            if host.name not in self._links.present:
                self._links.invite(host)
        deadline = time.monotonic() + self._links.patience_s
        while absent := [host for host in hosts if host.name not in self._links.present]:
            refused = {host.name: reason for host in absent if (reason := self._links.why_not(host)) is not None}
            if refused:
                return refused
            if time.monotonic() > deadline:
                return {host.name: f"does not answer within {self._links.patience_s:.0f} s" for host in absent}
            for _ in self._events():
                pass
        self.lost -= {host.name for host in hosts}
        return {}

    def _prepare(self, hosts: Sequence[Host], prepare: Prepare) -> dict[str, str]:
        """Have what ranks need there. Returns those that lack it, and what."""
        if not self._links.is_remote:
            return {}
        slots = {host.name: host.slots for host in hosts}
        waiting = slots.keys() - self._reports.keys()
        if not waiting:
            return {}
        for name in waiting:
            self._links.send(name, prepare)
        failed: dict[str, str] = {}
        while waiting - failed.keys():
            for name, message in self._events():
                if isinstance(message, Prepared) and (error := self._note(name, message, slots)):
                    failed[name] = error
                elif isinstance(message, Prepared):
                    waiting.discard(name)
                elif isinstance(message, Lost) and name in waiting:
                    failed[name] = message.reason
        return failed or self._compare(hosts)

    def _note(self, name: str, prepared: Prepared, slots: Mapping[str, int]) -> str:
        """Keep what a host says of itself. Returns why it cannot take part; empty if it can."""
        if prepared.error:
            return prepared.error
        try:
            report = parse_report(prepared.report)
        except RecordError as error:
            return f"its report {error}. Install the same version of Diptych there."
        skew_s = self._links.present.get(name, 0.0)
        self._reports[name] = Heard(report=report, num_ranks=slots.get(name, 0), skew_s=skew_s)
        return ""

    def _compare(self, hosts: Sequence[Host]) -> dict[str, str]:
        """Print what they are like. Returns those that are not fit, and why."""
        fatal = say_verdict([self._reports[host.name] for host in hosts], device=self._device, table=not self._is_told)
        self._is_told = True
        for finding in fatal:
            self._reports.pop(finding.host, None)
        return {finding.host: finding.text for finding in fatal}

    def _events(self) -> Iterator[tuple[str, object]]:
        """What agents say. Raises StoppedError if one of them, or this process, was told to stop."""
        for name, message in self._links.poll():
            if isinstance(message, Lost):
                self._reports.pop(name, None)
                self.lost.add(name)
            if isinstance(message, Asked):
                raise StoppedError
            yield name, message
        if self._stopped():
            raise StoppedError
