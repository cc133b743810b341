"""The samples that a data set will have, in stored order: in a database on disk, because there may be millions."""

import hashlib
import json
import pickle
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from sharding.work.plan import SPLITS, Draft, Plan

_TABLE = """
CREATE TABLE draft (place BLOB, split TEXT, key TEXT, line TEXT, pickled BLOB, UNIQUE (split, key));
"""


@dataclass(frozen=True, kw_only=True)
class ShardPlan:
    """What one shard is to hold."""

    split: str
    path: str
    """Relative to the data set, e.g. `train/000000.tar`."""
    drafts: list[Draft]
    is_only_checked: bool = False
    """Nothing is to be written any more."""


class DraftStore:
    """Drafts in a database that SQLite keeps in a temporary file and removes at the end."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_TABLE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def fill(self, plan: Plan) -> None:
        """Take in all drafts of a plan, checking what a source promises of them whatever its input was."""
        self._database.execute("BEGIN")
        try:
            self._database.executemany("INSERT INTO draft VALUES (?, ?, ?, ?, ?)", map(_row, plan.checked_drafts()))
        except sqlite3.IntegrityError as error:
            raise AssertionError(f"a source must give unique keys: {error}") from error
        self._database.execute("COMMIT")
        self._database.execute("CREATE INDEX place ON draft (place)")

    def __len__(self) -> int:
        return self._database.execute("SELECT COUNT(*) FROM draft").fetchone()[0]

    def __iter__(self) -> Iterator[Draft]:
        """Split by split, view by view, shuffled within: neighbours on disk must not be neighbours in the world."""
        for (pickled,) in self._database.execute("SELECT pickled FROM draft ORDER BY place"):
            yield pickle.loads(pickled)

    def fingerprint(self, made_by: dict[str, Any]) -> str:
        """Differs wherever splits, keys or labels do, or what made them."""
        digest = hashlib.sha256(json.dumps(made_by, sort_keys=True).encode())
        for (line,) in self._database.execute("SELECT line FROM draft ORDER BY place"):
            digest.update(line.encode())
        return digest.hexdigest()


def _row(draft: Draft) -> tuple[bytes, str, str, str, bytes]:
    place = f"{SPLITS.index(draft.split)}{draft.view or ''}\0".encode() + hashlib.sha256(draft.key.encode()).digest()
    line = json.dumps([draft.split, draft.key, draft.view, dict(draft.labels)])
    return place, draft.split, draft.key, line, pickle.dumps(draft, pickle.HIGHEST_PROTOCOL)


def plan_shards(
    drafts: Iterable[Draft], *, max_samples: int, max_bytes: int, num_bytes: Callable[[Draft], float]
) -> Iterator[ShardPlan]:
    """Cut the drafts, as they come, into shards of one split and view; one larger than a shard is alone in its own.

    Args:
        num_bytes: that a sample will have, or an estimate.
    """
    numbers: Counter[tuple[str, str | None]] = Counter()
    group: list[Draft] = []
    total = 0.0

    def finished() -> ShardPlan:
        split, view = group[0].split, group[0].view
        number = numbers[split, view]
        numbers[split, view] += 1
        return ShardPlan(split=split, path=shard_path(split, view=view, number=number), drafts=group)

    for draft in drafts:
        size = num_bytes(draft)
        is_full = len(group) == max_samples or total + size > max_bytes
        if group and (is_full or (draft.split, draft.view) != (group[0].split, group[0].view)):
            yield finished()
            group, total = [], 0.0
        group.append(draft)
        total += size
    if group:
        yield finished()


def shard_path(split: str, *, view: str | None, number: int) -> str:
    """`train/000000.tar`, or in an unpaired data set `train/summer-000000.tar`."""
    return f"{split}/{f'{view}-' if view else ''}{number:06d}.tar"
