"""How a command starts another of our modules."""

import sys
from pathlib import Path


def module_command(module: str, *arguments: str) -> list[str]:
    """The command that runs one of our modules in a new process, with this Python.

    `python -m` looks for modules in the current folder first, which may be a received data set with a `trainer.py`.
    Only where this process looks there too, started by `python -m` itself, may the new one.
    """
    safe = [] if str(Path.cwd()) in sys.path else ["-P"]
    return [sys.executable, *safe, "-m", module, *arguments]
