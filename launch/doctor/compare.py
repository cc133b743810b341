"""Machines beside each other: which of them is at fault. Pure functions of their reports."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table

from launch.doctor.host import HostReport

MOST_SKEW_S = 5.0
"""Which error was first is told by clocks, and stores refuse requests whose time is wrong."""
LEAST_RUN_GB = 0.01
"""With less not even a start fits."""
SCANT_RUN_GB = 1.0
"""A few checkpoints of a usual network fill it."""
LEAST_SHARED_MEMORY_GB = 0.06
"""Docker gives 64 MB unless told otherwise; NCCL and gloo need some of it, Ray more."""
LEAST_OPEN_FILES = 1024
LEAST_MEMORY_GB_PER_RANK = 1.0
"""torch, DALI and DeepSpeed alone take most of that."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is wrong with one machine."""

    host: str
    text: str
    """With its remedy."""
    is_fatal: bool = True
    """Training would fail, or go wrong; else it may be slow."""


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A report, and when it came."""

    report: HostReport
    num_ranks: int
    skew_s: float
    """Its clock less the launcher's; the way there counts as skew, too."""


def compare(heard: Sequence[Heard], *, device: str = "auto", commit: str | None = None) -> list[Finding]:
    """All that is wrong, host by host. In a comparison those are at fault that differ from most.

    Args:
        heard: at least one.
        device: as `EngineConfig.device`.
        commit: of the Diptych that asks, which all are to have; that of most if not given.
    """
    findings = [Finding(host=one.report.host, text=text) for one in heard for text in one.report.problems]
    findings += [finding for one in heard for finding in (*_look(one), *_look_at_devices(one, device=device))]
    names = sorted({name for one in heard for name in one.report.versions})
    for name in names:
        values = [one.report.versions.get(name, "none") for one in heard]
        expected = commit if name == "commit" else None
        findings += _differing(heard, name, values, "Install the same there.", expected=expected)
    data = [one.report.data for one in heard]
    there = [digest for digest in data if digest]
    if len(set(there)) > 1:
        findings += _differing(heard, "data set", data, "Copy the same data set there.")
    kinds = ["GPUs" if one.report.gpus else "no GPU" for one in heard]
    return findings + _differing(heard, "devices", kinds, "Leave it out with --exclude, or mend its driver.")


def _look(one: Heard) -> list[Finding]:
    report = one.report
    checks = (
        (
            report.run_free_gb < SCANT_RUN_GB,
            f"{report.run_free_gb:.2g} GB are free for the run; make room.",
            report.run_free_gb < LEAST_RUN_GB,
        ),
        (
            abs(one.skew_s) > MOST_SKEW_S,
            f"its clock differs by {one.skew_s:+.0f} s; start chrony or ntpd there.",
            False,
        ),
        (
            report.shared_memory_gb < LEAST_SHARED_MEMORY_GB,
            f"/dev/shm has {report.shared_memory_gb * 1000:.0f} MB free; in Docker give --shm-size 1g.",
            True,
        ),
        (
            report.open_files < LEAST_OPEN_FILES,
            f"a process may open {report.open_files} files only; raise it with ulimit -n 65536.",
            False,
        ),
        (
            report.memory_gb < LEAST_MEMORY_GB_PER_RANK * one.num_ranks,
            f"{report.memory_gb:.1f} GB of memory are free for {one.num_ranks} rank(s); start fewer there.",
            False,
        ),
    )
    return [Finding(host=report.host, text=text, is_fatal=fatal) for wrong, text, fatal in checks if wrong]


def _look_at_devices(one: Heard, *, device: str) -> list[Finding]:
    """Whether each rank gets a GPU of its own, or a core where it is to do without."""
    report = one.report
    if device == "cuda" and not report.gpus:
        text = "it shows no GPU, and engine.device is cuda; mend its driver, or use auto or cpu."
        return [Finding(host=report.host, text=text)]
    use_gpus = bool(report.gpus) and device != "cpu"
    number, things = (len(report.gpus), "GPU(s)") if use_gpus else (report.num_cores, "CPU cores")
    if number >= one.num_ranks:
        return []
    text = f"it has {number} {things} for {one.num_ranks} ranks; lower its slots in the hostfile."
    return [Finding(host=report.host, text=text)]


def _differing(
    heard: Sequence[Heard], what: str, values: Sequence[str], remedy: str, *, expected: str | None = None
) -> list[Finding]:
    """Who has not what most have, or what is expected."""
    common, where = (expected, "here") if expected else (Counter(values).most_common(1)[0][0], "elsewhere")
    return [
        Finding(host=one.report.host, text=f"{what}: {value or 'none'}, and {common or 'none'} {where}. {remedy}")
        for one, value in zip(heard, values, strict=True)
        if value != common
    ]


def hosts_table(heard: Sequence[Heard], findings: Sequence[Finding]) -> Table:
    """One line for each machine: what it has, and whether it is fit."""
    titles = ("host", "verdict", "ranks", "memory", "/dev/shm", "room", "clock", "commit", "devices")
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for title in titles:
        table.add_column(title, no_wrap=title != "devices", overflow="fold")
    for one in heard:
        report = one.report
        own = [finding for finding in findings if finding.host == report.host]
        verdict = "not fit" if any(finding.is_fatal for finding in own) else "see below" if own else "fit"
        table.add_row(
            report.host,
            verdict,
            str(one.num_ranks),
            f"{report.memory_gb:.1f} GB",
            f"{report.shared_memory_gb:.1f} GB",
            f"{report.run_free_gb:.0f} GB",
            f"{one.skew_s:+.1f} s",
            report.versions.get("commit", "none")[:7],
            f"{len(report.gpus)} x {report.gpus[0]}" if report.gpus else f"{report.num_cores} cores",
        )
    return table
