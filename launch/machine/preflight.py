"""Can this machine hold a Diptych environment? `make setup` asks before it makes one, which takes minutes.

Runs on the bare interpreter: standard library only, and nothing that an older Python could not parse.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shlex
import shutil
import sys
import sysconfig
from pathlib import Path

MINIMUM_PYTHON = (3, 11)
MINIMUM_FREE_GB = 10
"""The environment takes 7.2 GB; the wheels are unpacked beside it."""


def platform_problem(system: str, machine: str) -> str | None:
    """requirements.lock pins wheels (DALI, torch built for CUDA) of one platform only."""
    if (system, machine) == ("Linux", "x86_64"):
        return None
    return (
        f"this is {system} on {machine}, and requirements.lock pins wheels for Linux on x86_64 (DALI has "
        "none for macOS or Windows). Use a Linux machine, a container or WSL2."
    )


def python_problem(version: tuple[int, ...], executable: str) -> str | None:
    """Interpreters older than `MINIMUM_PYTHON` lack syntax that Diptych uses."""
    if version[:2] >= MINIMUM_PYTHON:
        return None
    wanted, found = (".".join(map(str, numbers)) for numbers in (MINIMUM_PYTHON, version[:3]))
    return (
        f"{executable} is Python {found}, and Diptych needs {wanted} or newer. "
        f"Name another: make setup PYTHON=python{wanted}"
    )


def disk_problem(folder: Path, free_bytes: int) -> str | None:
    """A full disk would otherwise show after minutes of downloading."""
    if free_bytes >= MINIMUM_FREE_GB * 10**9:
        return None
    return f"{folder} has {free_bytes / 1e9:.1f} GB free, and the environment needs {MINIMUM_FREE_GB} GB."


def missing_packages() -> dict[str, str]:
    """Debian package -> what its absence prevents, for what pip cannot install."""
    python = "python{}.{}".format(*sys.version_info[:2])
    compiler = shlex.split(os.environ.get("CXX", "c++"))[0]
    headers = Path(sysconfig.get_path("include")) / "Python.h"
    missing = {}
    if importlib.util.find_spec("ensurepip") is None:
        missing[f"{python}-venv"] = f"{sys.executable} cannot make environments: it lacks ensurepip."
    if shutil.which(compiler) is None:
        missing["g++"] = f"{compiler} is not on PATH. DeepSpeed needs a C++ compiler, for one op."
    if not headers.is_file():
        missing[f"{python}-dev"] = f"{headers} is missing. DeepSpeed's op is compiled with it."
    return missing


def main() -> None:
    """Exit with every problem and its remedy at once, or silently."""
    folder = Path.cwd()
    found = [
        platform_problem(platform.system(), platform.machine()),
        python_problem(tuple(sys.version_info[:3]), sys.executable),
        disk_problem(folder, shutil.disk_usage(folder).free),
    ]
    problems = [problem for problem in found if problem]
    packages = missing_packages() if not problems else {}
    problems += packages.values()
    if packages:
        problems.append(f"On Debian or Ubuntu: sudo apt-get install {' '.join(packages)}")
    if problems:
        sys.exit("\n".join(["diptych cannot be set up here:", *(f"  {problem}" for problem in problems)]))


if __name__ == "__main__":
    main()
