"""What a run was trained on, for people: each kind of machine that it had, in run.json."""

import os
import platform
from pathlib import Path

from trainer.runs import formats
from trainer.runs.rundir import RunDir

MACHINES_KEY = "machines"
"""In run.json: what the run was trained on, in words."""
_MOST = 100
"""Kinds of machines that are remembered."""
_CPU_INFO = Path("/proc/cpuinfo")


def processor_name(info: Path = _CPU_INFO) -> str:
    """As the kernel has it, e.g. `AMD EPYC 7763 64-Core Processor`; the architecture where it does not say."""
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def describe_ranks(num_ranks: int, *, gpu: str = "") -> str:
    """`2 ranks, each on NVIDIA H200`, or `1 rank, 2 cores of AMD EPYC ...`: of the main rank's host, as the others are.

    Args:
        gpu: the name of a rank's GPU, if it has one.
    """
    ranks = "1 rank" if num_ranks == 1 else f"{num_ranks} ranks"
    if gpu:
        return f"{ranks}, {'each ' if num_ranks > 1 else ''}on {gpu}"
    return f"{ranks}, {len(os.sched_getaffinity(0))} cores of {processor_name()}"


def note_machine(run: RunDir, machine: str) -> None:
    """Write into run.json what a part of the run is trained on, unless it stands there."""
    record = run.record()
    known = record.get(MACHINES_KEY, [])
    if machine not in known and len(known) < _MOST:
        formats.RUN.write(run.run_file, record | {MACHINES_KEY: [*known, machine]})
