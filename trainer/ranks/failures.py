"""Why a rank fails, put on record for whoever started it: of many ranks that end, one was the first.

Read without torch: imports may be what fails.
"""

import contextlib
import faulthandler
import io
import json
import os
import re
import socket
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from sharding.console import printable
from sharding.storage.files import write_atomically
from trainer.ranks.rendezvous import own_host

ERROR_VARIABLE = "DIPTYCH_ERROR_FILE"
"""Environment variable: the file in which this rank says why it fails."""

_LONGEST = 100_000  # characters
_PEER_ERRORS = {"DistBackendError", "DistNetworkError", "DistStoreError", "MissingRanksError"}
_PEER_GONE = re.compile(
    r"gloo/transport|Connection (?:closed|reset) by (?:remote )?peer|caused collective operation timeout|"
    r"Watchdog caught collective|Application timeout caused pair closure|ncclRemoteError|ncclSystemError|"
    r"[Ww]ait timeout|Timed out waiting|Timed out after \d+ ?ms"
)
_TIMED_OUT = re.compile(r"timed out|timeout", re.I)
_OWN_FAULT = re.compile(r"out of memory|ncclUnhandledCudaError|ncclInvalid|EADDRINUSE|address already in use", re.I)


def watch_for_crashes() -> None:
    """Let a signal that ends the process at once (a segmentation fault, an abort) print where it was."""
    if not faulthandler.is_enabled():
        with contextlib.suppress(io.UnsupportedOperation, AttributeError, ValueError):  # no standard error to print to
            faulthandler.enable()


def is_recorded() -> bool:
    """Whether whoever started this rank reads what it says of its failure."""
    return ERROR_VARIABLE in os.environ


def record_failure(error: BaseException, *, exit_status: int) -> None:
    """Put an error on record at once, while the others still wait for this rank; the first one counts.

    Never raises: whatever is wrong with that file, the error itself says more.
    """
    if not is_recorded():
        return
    path = Path(os.environ[ERROR_VARIABLE])
    record = {
        "time": time.time(),
        "host": own_host(),
        "machine": socket.gethostname(),
        "rank": int(os.environ.get("RANK", "0")),
        "error": described(error),
        "traceback": printable("".join(traceback.format_exception(error)))[-_LONGEST:],
        "exit": exit_status,
        "secondary": is_secondary(error),
        "missing": list(getattr(error, "missing", ())),
    }
    with contextlib.suppress(OSError):
        if not path.exists():
            write_atomically(path, json.dumps(record).encode(), durable=False)


def described(error: BaseException) -> str:
    """One error in few words, e.g. `ConfigError: data.path = ...`, printable."""
    return printable(f"{type(error).__name__}: {error}".strip())[:_LONGEST]


def is_secondary(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, says no more than that another rank is gone or does not answer."""
    for one in _chain(error):
        if _OWN_FAULT.search(str(one)):
            return False
        if any(kind.__name__ in _PEER_ERRORS for kind in type(one).__mro__):
            return True
        if isinstance(one, RuntimeError) and _PEER_GONE.search(str(one)):
            return True
    return False


def has_timed_out(error: BaseException) -> bool:
    """Whether it says that another rank was waited for in vain, rather than that one is gone."""
    return is_secondary(error) and any(_TIMED_OUT.search(str(one)) for one in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
