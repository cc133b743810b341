"""Which state of Diptych this is."""

import subprocess
from pathlib import Path

_FILE = Path(__file__)


def commit() -> str | None:
    """The commit of Diptych's checkout, with `+` if it has changes; None outside a checkout.

    A folder of somebody else's repository in which Diptych is installed is none.
    """
    if _git("ls-files", "--error-unmatch", _FILE.name) is None:
        return None
    return _git("describe", "--always", "--dirty=+", "--abbrev=40", "--exclude=*")


def _git(*arguments: str) -> str | None:
    """What git says in our folder; None if it fails, or says nothing."""
    command = ["git", "-C", str(_FILE.parent), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
