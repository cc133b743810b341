"""Where compiled extensions live, and what torch needs to compile and load them. Does not import torch."""

import os
import sys
from pathlib import Path


def extensions_dir() -> Path:
    """The folder of compiled extensions: one place for `make setup`, for every command and for every rank.

    Returns:
        TORCH_EXTENSIONS_DIR if it is set; else `.cache/torch_extensions` of the checkout that this module is
        part of; else, when Diptych was installed as a package, a folder in the user's cache.
    """
    if configured := os.environ.get("TORCH_EXTENSIONS_DIR"):
        return Path(configured)
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file():
        return checkout / ".cache" / "torch_extensions"
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "diptych" / "torch_extensions"


def use_extensions() -> Path:
    """Make this process and its children compile and load extensions in `extensions_dir()`; the folder.

    torch looks for `ninja` on PATH only. In an environment that is not activated it would find none, or the
    system's: another version of ninja discards the log of the first and compiles everything again.
    """
    folder = extensions_dir()
    os.environ["TORCH_EXTENSIONS_DIR"] = str(folder)
    scripts = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", os.defpath)
    if path.split(os.pathsep)[0] != scripts:
        os.environ["PATH"] = os.pathsep.join([scripts, path])
    return folder
