"""What is said of hosts before a start: a table, what is wrong with which, and whether training can begin."""

from collections.abc import Sequence

from launch.doctor.compare import Finding, Heard, compare, hosts_table
from sharding.console import make_console, one_line
from trainer.runs.provenance import commit


def say_verdict(heard: Sequence[Heard], *, device: str = "auto", table: bool = True) -> list[Finding]:
    """Print what may go wrong with which host.

    Args:
        device: as `EngineConfig.device`.
        table: and what all of them are like.

    Returns:
        What training would fail of, which is left to be told.
    """
    findings = compare(heard, device=device, commit=commit() or "none") if heard else []
    if table and heard:
        make_console().print(hosts_table(heard, findings))
    for finding in findings:
        if not finding.is_fatal:
            make_console(stderr=True).print(line_of(finding))
    return [finding for finding in findings if finding.is_fatal]


def line_of(finding: Finding) -> str:
    """One line for the console."""
    return one_line(f"{finding.host}: {finding.text}")
