"""The folder in which a data set grows until it is published: locked, resumable, and never taken for a data set.

`<out>.partial/` holds finished shards and `journal.jsonl`: one line that identifies the plan, then one line for each
shard that is complete on disk. A run that was killed is continued from it by the same command.
"""

import fcntl
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

from sharding.errors import DatasetError
from sharding.format.manifest import Shard, index_path
from sharding.storage.files import refuse_link
from sharding.storage.typed import adapter_of
from sharding.work.plan import SPLITS
from sharding.work.problems import Rejected
from sharding.work.seen import Seen
from sharding.writing.own_files import JOURNAL, files_below, foreign_file, remove_own


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A shard that is complete and durable, and what was left out of it."""

    split: str
    shard: Shard
    rejected: list[Rejected] = field(default_factory=list)
    seen: dict[str, Seen] = field(default_factory=dict)
    """What its views show."""


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """The locked folder of a data set in the making."""

    folder: Path
    finished: list[Finished] = field(default_factory=list)
    """In the order in which they became so, which may be any."""
    journal: TextIO

    def record(self, one: Finished) -> None:
        """Note that a shard is complete; call it after the shard's files are durable."""
        self.finished.append(one)
        self.append(asdict(one))

    def splits(self) -> dict[str, list[Shard]]:
        """The finished shards of each split, in stored order."""
        splits: dict[str, list[Shard]] = {}
        for split in SPLITS:
            shards = [one.shard for one in self.finished if one.split == split]
            if shards:
                splits[split] = sorted(shards, key=lambda shard: (shard.view or "", shard.path))
        return splits

    def append(self, line: dict) -> None:
        self.journal.write(json.dumps(line) + "\n")
        self.journal.flush()
        os.fsync(self.journal.fileno())

    def discard(self) -> None:
        """Remove all that was written, then the lock."""
        remove_own(self.folder)
        self.journal.close()


def check_workspace(folder: Path) -> None:
    """Raises DatasetError if `folder` is there and holds anything but a data set in the making: it will be emptied."""
    refuse_link(folder, error=DatasetError)
    foreign = foreign_file(folder)
    if foreign is None and not (folder / JOURNAL).is_file():
        foreign = next(files_below(folder), None)
    # Not of a run that publishes just now, and takes its files away.
    if foreign is not None and os.path.lexists(folder / foreign):
        raise DatasetError(
            f"{folder} is where the data set would grow, and it holds {foreign}, which no unfinished `diptych shard` "
            "has left there. Move that folder away, or choose another --out."
        )


def open_workspace(folder: Path, *, fingerprint: str) -> Workspace:
    """Lock `folder`, and keep in it what an earlier run with the same `fingerprint` had finished.

    Raises:
        DatasetError: another process is writing the same data set, or something else is in `folder`.
    """
    check_workspace(folder)
    folder.mkdir(parents=True, exist_ok=True)
    journal = _lock(folder / JOURNAL)
    if journal is None:
        raise DatasetError(f"{folder} is being written by another run. Wait for it, or choose another --out.")
    finished = _read(journal, folder=folder, fingerprint=fingerprint)
    _remove_all_but(folder, {JOURNAL, *(name for one in finished for name in _files(one.shard))})
    journal.truncate(0)
    workspace = Workspace(folder=folder, journal=journal)
    workspace.append({"fingerprint": fingerprint})
    for one in finished:
        workspace.record(one)
    return workspace


def _lock(path: Path) -> TextIO | None:
    """The opened journal, or None if another process has it. The kernel frees it when its process ends, anyhow."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    journal = os.fdopen(os.open(path, flags, 0o666), "a+")
    try:
        fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A run that published a moment ago has freed the lock, and has taken the file away with the folder.
        if os.fstat(journal.fileno()).st_ino == path.stat().st_ino:
            return journal
    except (BlockingIOError, FileNotFoundError):
        pass
    journal.close()
    return None


def _read(journal: TextIO, *, folder: Path, fingerprint: str) -> list[Finished]:
    """Finished shards; none if the journal is another plan's. Ends at a line that a kill has cut short."""
    journal.seek(0)
    finished: list[Finished] = []
    there = set(files_below(folder))
    for number, text in enumerate(journal):
        try:
            line = json.loads(text)
            if number == 0:
                if line != {"fingerprint": fingerprint}:
                    break
                continue
            one = adapter_of(Finished).validate_python(line)
        except ValueError:
            break
        # Only what is there under a name of ours: a path that leads elsewhere is none.
        sizes = [(folder / name).stat().st_size if name in there else 0 for name in _files(one.shard)]
        if sizes[0] == one.shard.num_bytes and sizes[1]:
            finished.append(one)
    return finished


def _files(shard: Shard) -> tuple[str, str]:
    return shard.path, index_path(shard.path)


def _remove_all_but(folder: Path, kept: set[str]) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder).as_posix() not in kept:
            path.unlink()
