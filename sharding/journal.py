"""The folder in which a data set grows until it is published: locked, resumable, and never taken for a data set.

`<out>.partial/` holds finished shards and `journal.jsonl`: one line that identifies the plan, then one line for each
shard that is complete on disk. A run that was killed is continued from it by the same command.
"""

import fcntl
import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

from sharding.manifest import DatasetError, Shard, index_path

FILE_NAME = "journal.jsonl"


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """The locked folder of a data set in the making."""

    folder: Path
    splits: dict[str, list[Shard]] = field(default_factory=dict)
    """Shards that are complete and durable, in the order in which they were written."""
    journal: TextIO

    def record(self, split: str, shard: Shard) -> None:
        """Note that a shard is complete; call it after the shard's files are durable."""
        self.splits.setdefault(split, []).append(shard)
        self.append({"split": split, "shard": asdict(shard)})

    def append(self, line: dict) -> None:
        self.journal.write(json.dumps(line) + "\n")
        self.journal.flush()
        os.fsync(self.journal.fileno())

    def discard(self) -> None:
        """Remove all that was written, then the lock."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.journal.close()


def open_workspace(folder: Path, *, fingerprint: str) -> Workspace:
    """Lock `folder`, and keep in it what an earlier run with the same `fingerprint` had finished.

    Raises:
        DatasetError: another process is writing the same data set.
    """
    folder.mkdir(parents=True, exist_ok=True)
    journal = _lock(folder / FILE_NAME)
    if journal is None:
        raise DatasetError(f"{folder} is being written by another run. Wait for it, or choose another --out.")
    finished = _read(journal, folder=folder, fingerprint=fingerprint)
    _remove_all_but(folder, {FILE_NAME, *(name for _, shard in finished for name in _files(shard))})
    journal.truncate(0)
    workspace = Workspace(folder=folder, journal=journal)
    workspace.append({"fingerprint": fingerprint})
    for split, shard in finished:
        workspace.record(split, shard)
    return workspace


def _lock(path: Path) -> TextIO | None:
    """The opened journal, or None if another process has it. The kernel frees it when its process ends, anyhow."""
    journal = path.open("a+")
    try:
        fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A run that published a moment ago has freed the lock, and has taken the file away with the folder.
        if os.fstat(journal.fileno()).st_ino == path.stat().st_ino:
            return journal
    except (BlockingIOError, FileNotFoundError):
        pass
    journal.close()
    return None


def _read(journal: TextIO, *, folder: Path, fingerprint: str) -> list[tuple[str, Shard]]:
    """Finished shards; none if the journal is another plan's. Ends at a line that a kill has cut short."""
    journal.seek(0)
    finished: list[tuple[str, Shard]] = []
    for number, text in enumerate(journal):
        try:
            line = json.loads(text)
        except ValueError:
            break
        if number == 0:
            if line != {"fingerprint": fingerprint}:
                break
            continue
        shard = Shard(**line["shard"])
        sizes = [(folder / name).stat().st_size if (folder / name).is_file() else 0 for name in _files(shard)]
        if sizes[0] != shard.num_bytes or not sizes[1]:
            break
        finished.append((line["split"], shard))
    return finished


def _files(shard: Shard) -> tuple[str, str]:
    return shard.path, index_path(shard.path)


def _remove_all_but(folder: Path, kept: set[str]) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder).as_posix() not in kept:
            path.unlink()
