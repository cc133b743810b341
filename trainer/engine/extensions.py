"""Where compiled extensions live, and what torch needs to compile and load them. Does not import torch."""

import os
import sys
from pathlib import Path

COMMUNICATION_OP = "deepspeed_shm_comm"
"""DeepSpeed's, through which the ranks of one machine meet on the CPU: the only one that is compiled."""
VARIABLE = "TORCH_EXTENSIONS_DIR"


def extensions_dir() -> Path:
    """The folder of compiled extensions: one place for `make setup`, for every command and for every rank.

    Returns:
        TORCH_EXTENSIONS_DIR if it is set; else `.cache/torch_extensions` of the checkout that this module is
        part of, if the op is compiled there or can be; else a folder in the user's cache, if the user has a home.
    """
    if configured := os.environ.get(VARIABLE):
        return Path(configured)
    checkout = Path(__file__).resolve().parents[2]
    beside = checkout / ".cache" / "torch_extensions"
    if (checkout / "pyproject.toml").is_file() and (compiled_op(beside).is_file() or can_write(beside)):
        return beside
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # a user without a name, as a container's number
        return beside
    return cache / "diptych" / "torch_extensions"


def use_extensions() -> Path:
    """Make this process and its children compile and load extensions in `extensions_dir()`; the folder.

    torch looks for `ninja` on PATH only. In an environment that is not activated it would find none, or the
    system's: another version of ninja discards the log of the first and compiles everything again.
    """
    folder = extensions_dir()
    os.environ[VARIABLE] = str(folder)
    scripts = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", os.defpath)
    if path.split(os.pathsep)[0] != scripts:
        os.environ["PATH"] = os.pathsep.join([scripts, path])
    return folder


def compiled_op(folder: Path) -> Path:
    """The library of the communication op below a folder of extensions."""
    return folder / COMMUNICATION_OP / f"{COMMUNICATION_OP}.so"


def can_write(folder: Path) -> bool:
    """Whether files can be made in a folder, which may have to be made itself."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return os.access(there, os.W_OK | os.X_OK)
