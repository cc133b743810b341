"""Asks all hosts at once by ssh what they are like, in bounded time."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from launch.doctor.answer import Answer, Question, parse_answer
from launch.doctor.compare import Heard
from launch.hosts.host import Host
from launch.ranks.interpreter import module_command
from launch.ranks.remote import Remote
from launch.ranks.ssh import Ssh, explain, last_words

PATIENCE_S = 60.0
"""A host that has not answered by then is stuck: Python alone takes seconds on a cold file system, not a minute."""

_AT_ONCE = 64
"""Processes of ssh at a time."""
_PERIOD_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A host's answer, or why there is none."""

    host: Host
    heard: Heard | None = None
    connection: str = ""
    """As in `Answer`."""
    problem: str = ""
    """Why there is no answer, with the remedy."""


def ask_hosts(
    hosts: Sequence[Host], *, ssh: Ssh, question: Callable[[Host], Question], patience_s: float = PATIENCE_S
) -> list[Answered]:
    """All answers, in the order of the hosts. Those that give none are told with the reason, and left alone.

    Args:
        patience_s: for each host.
    """
    waiting = iter(hosts)
    answers: dict[str, Answered] = {}
    with _asked() as running:
        while len(answers) < len(hosts):
            for host in islice(waiting, _AT_ONCE - len(running)):
                running[host.name] = _Asked(host, ssh, question(host), patience_s=patience_s)
            for name, asked in list(running.items()):
                answer = asked.look()
                if answer is not None:
                    answers[name] = answer
                    running.pop(name).close()
            time.sleep(_PERIOD_S)
    return [answers[host.name] for host in hosts]


class _Asked:
    """A host that was asked."""

    def __init__(self, host: Host, ssh: Ssh, question: Question, *, patience_s: float) -> None:
        self._host, self._ssh, self._patience_s = host, ssh, patience_s
        self._command = module_command("launch.doctor.answer")
        self._began = time.monotonic()
        self._asked_at = time.time()
        self._remote = Remote(ssh.command(host.name, self._command), first=question.to_line())

    def look(self) -> Answered | None:
        """Its answer, or that there will be none; None while it may come."""
        status = self._remote.poll()
        late = time.monotonic() - self._began > self._patience_s
        if status is None and not late:
            return None
        answer = parse_answer(self._remote.output) if status == 0 else None
        return self._without(status) if answer is None else self._with(answer)

    def _with(self, answer: Answer) -> Answered:
        # Its clock was read some time between the question and now.
        earliest, latest = self._asked_at, time.time()
        clock = answer.report.clock
        skew = clock - latest if clock > latest else min(0.0, clock - earliest)
        heard = Heard(report=answer.report, num_ranks=self._host.slots, skew_s=skew)
        return Answered(host=self._host, heard=heard, connection=answer.connection)

    def _without(self, status: int | None) -> Answered:
        said = self._remote.said
        if status is None:
            problem = f"has not answered for {self._patience_s:.0f} s. {last_words(said)}".rstrip()
        else:
            problem = explain(self._host.name, status=status, said=said, ssh=self._ssh, python=self._command[0])
        return Answered(host=self._host, problem=problem)

    def close(self) -> None:
        """Leave no process behind."""
        self._remote.close()


@contextmanager
def _asked() -> Iterator[dict[str, _Asked]]:
    running: dict[str, _Asked] = {}
    try:
        yield running
    finally:
        for asked in running.values():
            asked.close()
