"""All input files of a data set, and what their headers tell: in a database on disk, because there may be millions.

SQLite keeps it in a temporary file that has no name, so it is gone whatever happens to the process.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from itertools import groupby
from pathlib import Path
from typing import Any

from sharding.errors import DatasetError
from sharding.format.codec.kinds import Header, Traits
from sharding.format.names import name_bytes, name_from_bytes
from sharding.inputs.files import ANY_NAME, FilesOptions, FoundFile, Search
from sharding.inputs.splits import SplitOptions
from sharding.work.problems import Headline, InputError, Problems, Rejected

UNLISTED = "unlisted"
"""In place of the split of a file that the list of splits does not name."""
TRAITS = tuple(field.name for field in fields(Traits))
"""Columns of what a header tells of the pixels."""
_TABLE = f"""
CREATE TABLE file (
    id INTEGER PRIMARY KEY, view TEXT, split TEXT, stem TEXT, path TEXT, num_bytes INTEGER, mtime_ns INTEGER,
    is_drawn INTEGER, labels TEXT, width INTEGER, height INTEGER, {", ".join(TRAITS)}
);
"""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One sample's files."""

    split: str
    stem: str
    headers: dict[str, Header]
    """By view."""
    labels: dict[str, str]
    """Texts; empty if there are none."""


class Catalogue:
    """Files by view, split and stem. What is rejected is forgotten, with all other files of its sample."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self.halves: dict[str, bool] = {}
        """Views that are halves of files A|B: whether the left one."""
        self.searches: list[Search] = []
        """What the files were looked for with, and what was passed over."""
        self._database.text_factory = name_from_bytes
        self._database.executescript(_TABLE)

    def search(self, options: FilesOptions, *, names: str = ANY_NAME) -> Search:
        """A search for files of a view, which the catalogue keeps."""
        self.searches.append(Search(options=options, names=names))
        return self.searches[-1]

    def add(self, view: str, files: Iterable[FoundFile], splits: SplitOptions, *, prefix: str = "") -> None:
        """Take in the files of a view.

        Args:
            prefix: of the stems, to tell samples of an unpaired data set apart.
        """
        is_drawn = splits.split_list is None
        rows = (
            (
                view,
                file.split or _split_of(file, splits),
                name_bytes(prefix + file.stem),
                name_bytes(file.path),
                file.num_bytes,
                file.mtime_ns,
                is_drawn and file.split is None,
            )
            for file in files
        )
        with self.many() as change:
            change(
                "INSERT INTO file (view, split, stem, path, num_bytes, mtime_ns, is_drawn) "
                "VALUES (?, ?, CAST(? AS TEXT), CAST(? AS TEXT), ?, ?, ?)",
                rows,
            )
        self._database.execute("CREATE INDEX IF NOT EXISTS place ON file (split, stem, view)")

    def fingerprint(self) -> dict[str, Any]:
        """Number of files, and a hash over names, splits, sizes and times: another input gives another value."""
        digest, number = hashlib.sha256(), 0
        columns = "split, stem, view, path, num_bytes, mtime_ns"
        for row in self.rows(f"SELECT {columns} FROM file ORDER BY {columns}"):
            digest.update(json.dumps([*row[:3], Path(row[3]).name, *row[4:]]).encode())
            number += 1
        return {"num_files": number, "sha256": digest.hexdigest()}

    def reject(self, where: str, *, problems: Problems, headline: Headline, reason: str | Callable[..., str]) -> None:
        """Note and forget files.

        Args:
            where: SQL over the table `file`, which only this room knows.
            reason: or what makes it of a file's (view, width, height).
        """
        rows = self.rows(f"SELECT path, view, width, height FROM file WHERE {where} ORDER BY path")
        say = reason if callable(reason) else lambda *_: reason
        found = list(dict.fromkeys(Rejected(file=path, reason=say(*rest)) for path, *rest in rows))
        self.forget(f"SELECT split, stem FROM file WHERE {where}")
        problems.add(found, headline=headline)

    def reject_other_sizes(self, size: tuple[int, int], *, problems: Problems, headline: Headline) -> None:
        """Note and forget files that are not of this width and height."""
        width, height = size
        self.reject(
            f"NOT (width = {width} AND height = {height})",
            problems=problems,
            headline=headline,
            reason=lambda _view, width, height: f"{width}x{height}",
        )

    def reject_kinds(
        self,
        view: str,
        is_strange: Callable[[Traits], bool],
        *,
        problems: Problems,
        headline: Headline,
        reason: Callable[[Traits], str],
    ) -> None:
        """Note and forget the files of a view that are of strange kinds; the reason is made of a file's kind."""
        strange = [kind for kind in self.kinds(view) if is_strange(kind)]
        columns = ", ".join(TRAITS)
        kinds = ", ".join([f"({', '.join('?' * len(TRAITS))})"] * len(strange))
        values = (view, *(getattr(kind, name) for kind in strange for name in TRAITS))
        where = f"view = ? AND ({columns}) IN (VALUES {kinds})" if strange else "view = ? AND FALSE"
        rows = self.rows(f"SELECT path, {columns} FROM file WHERE {where} ORDER BY path", values)
        found = [Rejected(file=path, reason=reason(Traits(**_traits(rest)))) for path, *rest in rows]
        self.forget(f"SELECT split, stem FROM file WHERE {where}", values)
        problems.add(found, headline=headline)

    def forget(self, samples: str, values: Sequence[Any] = ()) -> None:
        """Remove all files of the samples that an SQL query names by split and stem."""
        self._database.execute(f"DELETE FROM file WHERE (split, stem) IN ({samples})", values)

    def forget_files(self, paths: Iterable[str]) -> None:
        """Remove all files of the samples that some files belong to."""
        marked = "SELECT split, stem FROM file WHERE path = CAST(? AS TEXT)"
        with self.many() as change:
            rows = ((name_bytes(path),) for path in paths)
            change(f"DELETE FROM file WHERE (split, stem) IN ({marked})", rows)

    def kinds(self, view: str) -> list[Traits]:
        """What the files of a view are, the most common first."""
        columns = ", ".join(TRAITS)
        rows = self.rows(
            f"SELECT {columns} FROM file WHERE view = ? GROUP BY {columns} ORDER BY COUNT(*) DESC, {columns}", (view,)
        )
        return [Traits(**_traits(row)) for row in rows]

    def sizes(self, views: Sequence[str]) -> list[tuple[int, int]]:
        """The two most common sizes (width, height) of the views' files, the most common first."""
        marks = ", ".join("?" * len(views))
        query = f"SELECT width, height FROM file WHERE view IN ({marks}) GROUP BY 1, 2 ORDER BY COUNT(*) DESC, 1, 2"
        return list(self.rows(f"{query} LIMIT 2", tuple(views)))

    def first(self, view: str) -> Header:
        """One file of a view: an example."""
        for entry in self.entries():
            if view in entry.headers:
                return entry.headers[view]
        raise DatasetError(f"No usable image of view {view!r} is left.")

    def entries(self) -> Iterator[Entry]:
        """All samples, by split and stem."""
        columns = ", ".join(("path", "num_bytes", "width", "height", *TRAITS))
        rows = self.rows(f"SELECT split, stem, view, labels, {columns} FROM file ORDER BY split, stem, view")
        for (split, stem), files in groupby(rows, key=lambda row: (row[0], row[1])):
            headers, labels = {}, "{}"
            for _, _, view, text, *values in files:
                headers[view] = _header(*values)
                labels = text or labels
            yield Entry(split=split, stem=stem, headers=headers, labels=json.loads(labels))

    def __len__(self) -> int:
        """Number of files."""
        return self.one("SELECT COUNT(DISTINCT path) FROM file")

    def rows(self, query: str, values: tuple = ()) -> Iterator[tuple]:
        """What an SQL query over the table `file` gives, row by row."""
        yield from self._database.execute(query, values)

    def change(self, command: str, values: Sequence[Any] = ()) -> None:
        """Run an SQL command over the table `file`."""
        self._database.execute(command, values)

    @contextmanager
    def many(self) -> Iterator[Callable[[str, Iterable[Sequence[Any]]], None]]:
        """What runs an SQL command for each row of values; all that it does until the end is done at once."""
        self._database.execute("BEGIN")
        yield lambda command, rows: self._database.executemany(command, rows) and None
        self._database.execute("COMMIT")

    def one(self, query: str) -> Any:
        """The first value of the first row that an SQL query gives."""
        return self._database.execute(query).fetchone()[0]


def _split_of(file: FoundFile, splits: SplitOptions) -> str:
    try:
        return splits.of(Path(file.path), file.stem)
    except InputError:
        return UNLISTED


def _header(path: str, num_bytes: int, width: int, height: int, *values: Any) -> Header:
    return Header(path=Path(path), size=(width, height), num_bytes=num_bytes, **_traits(values))


def _traits(values: Sequence[Any]) -> dict[str, Any]:
    """SQLite knows no truth values."""
    named = dict(zip(TRAITS, values, strict=True))
    return {name: bool(value) if name.startswith(("is_", "has_")) else value for name, value in named.items()}
