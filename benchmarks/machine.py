"""What a figure was measured on."""

import importlib.metadata
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import torch

from trainer.runs.machine import processor_name


def describe_machine(*packages: str) -> str:
    """Date, processor or GPU, cores and the versions of `packages`: a figure without them means nothing."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return (
        f"{datetime.now(UTC):%Y-%m-%d}. {_processor()}, {len(os.sched_getaffinity(0))} cores, {where}. "
        f"Python {platform.python_version()}, {versions}."
    )


def _processor() -> str:
    """Name and the vector extensions that decide how fast convolutions are."""
    info, name = Path("/proc/cpuinfo"), processor_name()
    lines = info.read_text().splitlines() if info.is_file() else []
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    found = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    return f"{name} ({', '.join(found)})" if found else name


def command_line(module: str) -> str:
    """What was typed to run a benchmark's `module`, e.g. `python -m benchmarks.data --rounds 3`; where a folder lies is
    nobody's business: PATH.
    """
    return " ".join([f"python -m {module}", *("PATH" if Path(one).is_absolute() else one for one in sys.argv[1:])])
