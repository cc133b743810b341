"""What is asked of a running run, from any machine that sees its folder: empty files in `control/`."""

import os
from enum import IntEnum
from pathlib import Path

from sharding.storage.files import refuse_link
from trainer.config.errors import ConfigError

FOLDER_NAME = "control"


class Request(IntEnum):
    """What is asked for; of two the greater one counts, which does what the other does, and more."""

    NONE = 0
    SAVE = 1
    STOP = 2


_FILES = {Request.STOP: "stop", Request.SAVE: "save"}


def request_file(run: Path, request: Request) -> Path:
    """The file that asks for it."""
    return run / FOLDER_NAME / _FILES[request]


def ask(run: Path, request: Request) -> Path:
    """Ask the run in a folder to save, or to save and stop. Returns the file, which the run removes when it obeys.

    Raises:
        ConfigError: the folder for it is a link.
        OSError: it cannot be written to.
    """
    path = request_file(run, request)
    refuse_link(path.parent, error=lambda message: ConfigError("run", str(run), message))
    path.parent.mkdir(exist_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666))
    return path


def asked(run: Path) -> Request:
    """What is asked of the run in a folder now."""
    return next((request for request in _FILES if request_file(run, request).is_file()), Request.NONE)


def withdraw(run: Path, request: Request) -> bool:
    """Remove a request, and those that it includes. Returns whether there was one."""
    there_were = [request_file(run, kind) for kind in _FILES if kind <= request and request_file(run, kind).is_file()]
    for path in there_were:
        path.unlink(missing_ok=True)
    return bool(there_were)
