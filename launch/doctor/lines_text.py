"""What was asked of this machine, as text and as a file."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from launch.doctor.host import HostReport
from launch.doctor.lines import Line
from sharding.console import PlainConsole, one_line
from sharding.storage.files import write_atomically

_STYLES = {"fine": "green", "note": "yellow", "wrong": "red", "skipped": "dim"}


def print_lines(console: PlainConsole, lines: Sequence[Line]) -> None:
    """One line for each, with its remedy."""
    width = max(len(line.name) for line in lines)
    for line in lines:
        text = one_line(
            f"{line.state:7} {line.name:{width}}  {line.what}" + (f". {line.remedy}" if line.remedy else "")
        )
        console.print(text, style=_STYLES[line.state])


def write_lines(file: Path, report: HostReport, lines: Sequence[Line]) -> None:
    """The same as JSON, with the report they stand on."""
    record = {
        "is_fit": all(line.state != "wrong" for line in lines),
        "lines": [asdict(line) for line in lines],
        "report": report.to_record(),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, json.dumps(record, indent=1).encode() + b"\n")
