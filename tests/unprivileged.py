"""Commands as a user of whom the machine knows nothing but a number: no name, no home, and not the files' owner."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

_USER = "12345"
_ROOT = Path(__file__).parents[1]
_OWN = ("HOME", "USER", "LOGNAME", "USERNAME", "LNAME", "XDG_CACHE_HOME", "DIPTYCH_CACHE")


def run_unprivileged(*arguments: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments as such a user, with these variables set. Skips the test if nobody may do that.

    What root has locked away, e.g. an interpreter below /root, can still be read, where the machine lets root grant it.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _OWN}
    environment |= {"PYTHONPATH": str(_ROOT), **variables}
    command = [*_become(), sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)


@contextlib.contextmanager
def shared_folder() -> Iterator[Path]:
    """A folder that all users can write, for as long as it is needed: pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@cache
def _become() -> tuple[str, ...]:
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root, and setpriv of util-linux, to become another user")
    plain = ("setpriv", "--reuid", _USER, "--regid", _USER, "--clear-groups")
    readers = ("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")
    for become in (plain, (*plain, *readers)):
        command = [*become, sys.executable, "-c", "import dataclasses, rich"]
        if subprocess.run(command, cwd="/", capture_output=True, check=False).returncode == 0:
            return become
    pytest.skip("another user cannot read this interpreter")
