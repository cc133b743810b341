"""Which state of Diptych this is, and of what it stands on."""

import subprocess
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_FILE = Path(__file__)
_MOST_CHANGES = 10**6
_PACKAGES = (
    "torch",
    "deepspeed",
    "nvidia-dali-cuda130",
    "nvidia-dali-cuda120",
    "webdataset",
    "ray",
    "wandb",
    "diptych",
)
"""Some of them are there in place of others: DALI has a wheel for each CUDA."""


def versions(packages: Sequence[str] = _PACKAGES) -> dict[str, str]:
    """The version of each package that is installed, by its name."""
    found = {}
    for name in packages:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def commit() -> str | None:
    """The commit of Diptych's checkout, with `+` if it has changes; None outside a checkout.

    A folder of somebody else's repository in which Diptych is installed is none.
    """
    if _git("ls-files", "--error-unmatch", _FILE.name) is None:
        return None
    return _git("describe", "--always", "--dirty=+", "--abbrev=40", "--exclude=*")


def changes() -> str:
    """The diff of Diptych's checkout against its commit, at most a million characters; empty if there is none."""
    return (_git("diff", "HEAD") or "")[:_MOST_CHANGES] if (commit() or "").endswith("+") else ""


def _git(*arguments: str) -> str | None:
    """What git says in our folder; None if it fails, or says nothing."""
    command = ["git", "-C", str(_FILE.parent), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
