"""What tests ask about processes that may go at any moment."""

import contextlib

import psutil


def is_alive(process: psutil.Process) -> bool:
    """Not gone, nor a zombie."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
