"""W&B's folder in a run directory: what may lie there, and what is kept there beside its own files."""

import contextlib
import os
from functools import partial
from pathlib import Path

from sharding.storage.files import refuse_link
from trainer.config.errors import ConfigError

_OWN_LINKS = ("latest-run", "debug.log", "debug-internal.log")
"""Which W&B makes in its folder, and replaces without following them."""
_STEP_DIGITS = 15


class Steps:
    """W&B's `_step`, which may only grow over all parts of a run: the position in images where it can be.

    W&B asks its server where the last part ended. Offline nobody could tell, and each part would begin at 0 again: so
    it is kept in a file beside the parts. A part that is trained again after a kill gets steps of its own.
    """

    def __init__(self, file: Path, *, least: int) -> None:
        self._file = file
        with contextlib.suppress(FileNotFoundError):
            kept = file.read_bytes()[:_STEP_DIGITS]
            least = max(least, int(kept) if kept.isdigit() else 0)
        self._next = least

    def take(self, position: int) -> int:
        """The step of something that happened at `position`."""
        step = max(self._next, position)
        self._next = step + 1
        self._file.write_text(str(self._next))
        return step


def is_own_link(path: Path, *, folder: Path) -> bool:
    """Whether W&B lays links of this name below its `folder`: to its newest run and that run's logs, and from each run
    to a log of its service, which lies in the user's cache. It writes through none of them.
    """
    first, *others = path.relative_to(folder).parts
    if others:
        return others == ["logs", "debug-core.log"]
    return first in _OWN_LINKS and path.resolve().is_relative_to(folder.resolve())


def refuse_links(folder: Path) -> None:
    """Refuse links in W&B's part of a run directory, through which it would write; see `RunDir.refuse_links`."""
    local = folder / "wandb"
    refuse_link(local, error=partial(ConfigError, "run", str(folder)))
    for parent, folders, files in os.walk(local):
        for path in (Path(parent, name) for name in (*folders, *files)):
            if not is_own_link(path, folder=local):
                refuse_link(path, error=partial(ConfigError, "run", str(folder)))
