"""No rank outlives its launcher: a pipe whose other end only the launcher holds is closed however the launcher ends.

The kernel's own notice of a parent's death (PR_SET_PDEATHSIG) is weaker: it follows the parent's thread instead of
its process, is missed if the parent dies first, and comes once, which a rank that is stuck does not hear.
"""

import os
import signal
import threading
import time

LIFELINE_VARIABLE = "DIPTYCH_LIFELINE"
"""Environment variable: the file descriptor of the pipe's reading end."""

LAST_SAVE_S = 60.0
"""A rank without its launcher has this long to finish its step and save."""


def has_launcher() -> bool:
    """Whether a launcher on this machine watches over this process, and ends it if it must."""
    return LIFELINE_VARIABLE in os.environ


def end_with_launcher() -> None:
    """Be told to stop when the launcher is gone, and be ended a minute later."""
    if has_launcher():
        descriptor = int(os.environ[LIFELINE_VARIABLE])
        threading.Thread(target=_watch, args=(descriptor,), name="lifeline", daemon=True).start()


def _watch(descriptor: int) -> None:
    os.read(descriptor, 1)  # nothing is ever written: it returns when the other end is closed
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LAST_SAVE_S)
    os.kill(os.getpid(), signal.SIGKILL)
