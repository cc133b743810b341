"""Where the ranks of one machine meet: a file that nobody else can touch, and no port."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

STORE_VARIABLE = "DIPTYCH_STORE"
"""Environment variable: the file in which ranks of one machine meet. It must not exist before the first of them."""

_LOOPBACK = {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "=lo"}  # NCCL takes "lo" for the start of a name


class RendezvousError(RuntimeError):
    """The file in which ranks are to meet is not safe from others."""


@contextmanager
def private_store() -> Iterator[Path]:
    """A file for `STORE_VARIABLE` in a new folder that is only the user's (mode 0700), and is removed afterwards."""
    with TemporaryDirectory(prefix="diptych-ranks-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "store"


def require_private(store: Path) -> None:
    """Refuse a file that others could read, write or replace: who writes there tells ranks whom to talk to.

    Raises:
        RendezvousError: its folder is missing, a link, another user's, or open to others.
    """
    folder = store.parent
    try:
        found = folder.lstat()
    except OSError as error:
        raise _refusal(store, f"its folder cannot be looked at ({error.strerror})") from error
    if not stat.S_ISDIR(found.st_mode):
        raise _refusal(store, f"{folder} is a link or no folder")
    if found.st_uid != os.geteuid():
        raise _refusal(store, f"{folder} belongs to user {found.st_uid}, not to {os.geteuid()}")
    if stat.S_IMODE(found.st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise _refusal(store, f"{folder} has mode {stat.S_IMODE(found.st_mode):04o}, so others can reach into it")


def _refusal(store: Path, reason: str) -> RendezvousError:
    return RendezvousError(
        f"{STORE_VARIABLE} = {str(store)!r}: {reason}; name a file in a folder that `mktemp -d` has just made."
    )


def stay_on_loopback() -> None:
    """Ranks of one machine hear nobody else, whichever interface the environment names.

    To be called before the first process group: gloo and NCCL read this for each group that they make, those of
    DeepSpeed and DistributedDataParallel included.
    """
    os.environ.update(_LOOPBACK)
