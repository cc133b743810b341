"""`python -m launch.doctor.answer`: what another host says of itself, when it is asked before a start.

Its standard input is one line of JSON, `Question`; the last line of its output is the answer.
"""

import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from launch.doctor.host import HostReport, look_at_host, parse_report
from sharding.storage.place import parse_place
from sharding.storage.records import RecordError, checked, parse_json
from sharding.storage.typed import NO_OTHERS

_MARK = "diptych-answer "
"""Begins the line of the answer: shells print what they like before."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a host is asked."""

    __pydantic_config__ = NO_OTHERS

    host: str
    """Its name in the hostfile."""
    run: str
    """Folder of the run."""
    data: str | None = None
    """Place of the data set."""
    environment: dict[str, str] = field(default_factory=dict)
    """As its ranks will have it: data may need the keys in it."""

    def to_line(self) -> bytes:
        """For the standard input of the host's process."""
        return json.dumps(asdict(self)).encode() + b"\n"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a host says."""

    report: HostReport
    connection: str
    """SSH_CONNECTION there: address and port of who asks, and those at which it was reached; empty without ssh."""


def parse_answer(output: str) -> Answer | None:
    """The answer among what a host printed; None if there is none that is whole."""
    lines = [line for line in output.splitlines() if line.startswith(_MARK)]
    if not lines:
        return None
    try:
        record: Any = parse_json(lines[-1].removeprefix(_MARK).encode())
        if not isinstance(record, dict) or not isinstance(record.get("connection"), str):
            return None
        return Answer(report=parse_report(record.get("report")), connection=record["connection"][:200])
    except RecordError:
        return None


def main() -> int:
    """Answer. Returns the exit status."""
    question = checked(parse_json(sys.stdin.buffer.readline()), Question)
    os.environ.update(question.environment)
    data = None if question.data is None else parse_place(question.data)
    report = look_at_host(question.host, run=Path(question.run), data=data)
    record = {"report": report.to_record(), "connection": os.environ.get("SSH_CONNECTION", "")}
    sys.stdout.write(f"\n{_MARK}{json.dumps(record)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
