"""A folder that is there whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trainer.config.errors import ConfigError


def check_place(out: Path) -> None:
    """Raises ConfigError unless a folder can be put there without replacing anything."""
    if os.path.lexists(out) and (out.is_symlink() or not out.is_dir() or any(out.iterdir())):
        raise ConfigError("out", str(out), "exists, and is no empty folder; choose another one.")


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder to write to, which takes the place `out` when all is written. What fails leaves nothing behind."""
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        yield folder
        folder.chmod(0o755)
        folder.replace(out)
    except BaseException:
        with suppress(OSError):
            shutil.rmtree(folder)
        raise
