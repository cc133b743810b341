"""A run's copy in an object store: its files by the names that they have in the run's folder.

    s3://bucket/runs/NAME/run.json, metrics.jsonl, evaluation.json, early_stop.json
    s3://bucket/runs/NAME/checkpoints/00002000/...      `state.json` last: without it none of the others count
    s3://bucket/runs/NAME/parts/...                     while several hosts send: who has sent which files

Imports no torch.
"""

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sharding.storage.download import MissingError, read_small
from sharding.storage.place import Url, store_problem
from sharding.storage.records import RecordError
from sharding.storage.upload import remove_file, send_bytes, send_file, stored_sizes
from trainer.checkpoints.layout import FOLDER_NAME, STATE_FILE
from trainer.config.errors import ConfigError
from trainer.runs.contents import LARGEST_RECORD, parse_record
from trainer.runs.rundir import RunDir

FIELD = "checkpoint.upload"
PARTS = "parts"
_STATE = re.compile(rf"checkpoints/({FOLDER_NAME.pattern})/{re.escape(STATE_FILE)}")
_BELONGS = re.compile(rf"(?:checkpoints/|{PARTS}/[0-9a-f]+-)({FOLDER_NAME.pattern})(?:/|-).+")
_IDENTITY = ("wandb_id", "started")
"""Entries of run.json that no two runs have in common, and that never change."""


@dataclass(frozen=True)
class RunCopy:
    """The copy of one run."""

    url: Url

    @property
    def run_file(self) -> Url:
        """Its run.json."""
        return self.url / "run.json"

    def checkpoint(self, position: int) -> Url:
        """The folder of a checkpoint."""
        return self.url / "checkpoints" / f"{position:08d}"


def copy_of(run: RunDir, upload: Url) -> RunCopy:
    """Where a run's copy lies, or will lie. Raises ConfigError if its folder's name cannot be part of an address."""
    copy = RunCopy(upload / run.path.absolute().name)
    problem = store_problem(copy.url)
    if problem is not None:
        raise ConfigError(FIELD, str(copy.url), f"{problem} The last part is the name of the run's folder.")
    return copy


def require_own(copy: RunCopy, run: RunDir, *, stop: threading.Event) -> None:
    """Check that no other run's checkpoints lie there.

    Raises:
        ConfigError: those of another run do.
        RemoteError, StoppedError: see `sharding.storage.upload.send_file`.
    """
    try:
        content = read_small(copy.run_file, max_bytes=LARGEST_RECORD, stop=stop)
    except MissingError:
        return
    own = run.record()
    try:
        there = parse_record(content, path=Path(str(copy.run_file)))
        is_own = is_same_run(there, own)
    except RecordError:
        is_own = False
    if not is_own and positions(stored_sizes(copy.url, stop=stop)):
        remedy = "holds checkpoints of another run: give this one another --name, or another address."
        raise ConfigError(FIELD, str(copy.url), remedy)


def is_same_run(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two run.json are of one run, continued or not."""
    return all(one[key] == other[key] for key in _IDENTITY)


def begin_copy(run: RunDir, copy: RunCopy) -> None:
    """Check before training that a run's copy can be written to, by writing its run.json.

    Raises:
        ConfigError: it holds another run's checkpoints.
        RemoteError: it cannot be reached, or not be written to.
    """
    stop = threading.Event()
    require_own(copy, run, stop=stop)
    send_bytes(run.run_file.read_bytes(), copy.run_file, stop=stop)


def positions(sizes: Iterable[str]) -> list[int]:
    """Of the complete checkpoints among the files of a copy, oldest first."""
    return sorted(int(found[1]) for name in sizes if (found := _STATE.fullmatch(name)))


def send_files(copy: RunCopy, folder: Path, names: Iterable[str], *, position: int, stop: threading.Event) -> None:
    """Send files of a checkpoint. Raises as `sharding.storage.upload.send_file`."""
    for name in sorted(names):
        send_file(folder / name, copy.checkpoint(position) / name, stop=stop)


def prune_copy(
    copy: RunCopy, sizes: Mapping[str, int], *, newest: int, keep: int, best: int | None, stop: threading.Event
) -> None:
    """Remove all but the `keep` newest and the best, and what is left of those that were sent in part.

    Those of later positions than the newest stay, as in a run's folder.

    Args:
        sizes: the files of the copy.

    Raises:
        RemoteError, StoppedError: see `sharding.storage.upload.send_file`.
    """
    kept = {*[each for each in positions(sizes) if each <= newest][-keep:], best}
    going = {}
    for name in sizes:
        found = _BELONGS.fullmatch(name)
        position = None if found is None else int(found[1])
        if position is not None and position <= newest and (position not in kept or name.startswith(PARTS)):
            going[name] = not name.endswith(f"/{STATE_FILE}")
    for name in sorted(going, key=going.__getitem__):  # states first: what is left of a checkpoint then counts no more
        remove_file(copy.url / name, stop=stop)
