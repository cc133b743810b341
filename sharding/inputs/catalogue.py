"""All input files of a data set, and what their headers tell: in a database on disk, because there may be millions.

SQLite keeps it in a temporary file that has no name, so it is gone whatever happens to the process.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from sharding.errors import DatasetError
from sharding.format.codec import Format, Header, read_header
from sharding.format.manifest import DType, LabelInfo
from sharding.inputs.files import FoundFile
from sharding.inputs.labels import LabelOptions
from sharding.inputs.splits import SplitOptions
from sharding.work.crew import Crew, Tick, adding
from sharding.work.problems import InputError, Problems, Rejected, rejected_by

BATCH = 256
"""Headers that are read by one call in another process."""
FEW_FILES = 2000
"""Headers of so many are read in this process: starting others takes a second."""

_FIELDS = ("channels", "dtype", "format", "is_lossy", "has_alpha", "has_palette", "is_plain")
_TABLE = f"""
CREATE TABLE file (
    id INTEGER PRIMARY KEY, view TEXT, split TEXT, stem TEXT, path TEXT, num_bytes INTEGER, mtime_ns INTEGER,
    labels TEXT, width INTEGER, height INTEGER, {", ".join(_FIELDS)}
);
"""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What many files of a view have in common."""

    channels: int
    dtype: DType
    format: Format
    is_lossy: bool
    has_alpha: bool
    has_palette: bool
    is_plain: bool
    count: int

    @property
    def colors(self) -> int:
        """Channels without alpha."""
        return self.channels - self.has_alpha


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
        self._database.executescript(_TABLE)

    def add(self, view: str, files: Iterable[FoundFile], splits: SplitOptions, *, prefix: str = "") -> None:
        """Take in the files of a view.

        Args:
            prefix: of the stems, to tell samples of an unpaired data set apart.
        """
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT INTO file (view, split, stem, path, num_bytes, mtime_ns) VALUES (?, ?, ?, ?, ?, ?)",
            (
                (view, file.split or _split_of(file, splits), prefix + file.stem, file.path, file.num_bytes,
                 file.mtime_ns)
                for file in files
            ),
        )  # fmt: skip
        self._database.execute("COMMIT")
        self._database.execute("CREATE INDEX IF NOT EXISTS place ON file (split, stem, view)")

    def fingerprint(self) -> dict[str, Any]:
        """Number of files, and a hash over names, splits, sizes and times: another input gives another value."""
        digest, number = hashlib.sha256(), 0
        columns = "split, stem, view, path, num_bytes, mtime_ns"
        for row in self._rows(f"SELECT {columns} FROM file ORDER BY {columns}"):
            digest.update(json.dumps([*row[:3], Path(row[3]).name, *row[4:]]).encode())
            number += 1
        return {"num_files": number, "sha256": digest.hexdigest()}

    def reject(self, where: str, *, problems: Problems, headline: str, reason: str | Callable[..., str]) -> None:
        """Note and forget files.

        Args:
            where: SQL over the table `file`.
            reason: or what makes it of a file's (view, width, height, channels, dtype, format).
        """
        columns = "path, view, width, height, channels, dtype, format"
        rows = self._rows(f"SELECT {columns} FROM file WHERE {where} ORDER BY path")
        say = reason if callable(reason) else lambda *_: reason
        found = list(dict.fromkeys(Rejected(file=path, reason=say(*rest)) for path, *rest in rows))
        self.forget(f"SELECT split, stem FROM file WHERE {where}")
        problems.add(found, headline=headline)

    def forget(self, samples: str) -> None:
        """Remove all files of the samples that an SQL query names by split and stem."""
        self._database.execute(f"DELETE FROM file WHERE (split, stem) IN ({samples})")

    def reject_unlisted(self, problems: Problems, splits: SplitOptions) -> None:
        """Files whose split is not known."""
        self.reject(
            f"split = '{_UNLISTED}'",
            problems=problems,
            headline=f"images have no row in {splits.split_list}; add it",
            reason="has no row in the list of splits",
        )

    def reject_duplicates(self, problems: Problems) -> None:
        """Two files of one name but for the suffix."""
        self.reject(
            "(split, stem, view) IN (SELECT split, stem, view FROM file GROUP BY 1, 2, 3 HAVING COUNT(*) > 1)",
            problems=problems,
            headline="files have one name with another but for the suffix; keep one of each",
            reason="another file has the same name but for the suffix",
        )

    def read_labels(self, options: LabelOptions, problems: Problems) -> dict[str, LabelInfo]:
        """Label all samples by the names of their files, and number the labels' values."""
        reader = options.reader()
        if reader is None:
            return {}
        bad: list[Rejected] = []
        self._database.execute("BEGIN")
        for id, path in self._rows("SELECT id, path FROM file ORDER BY path"):
            try:
                labels = json.dumps(reader(Path(path)))
            except InputError as error:
                bad.append(rejected_by(error, path))
                continue
            self._database.execute("UPDATE file SET labels = ? WHERE id = ?", (labels, id))
        self._database.execute("COMMIT")
        self.forget("SELECT split, stem FROM file WHERE labels IS NULL")
        problems.add(bad, headline=options.headline)
        problems.check()
        return options.number(json.loads(text) for (text,) in self._rows("SELECT DISTINCT labels FROM file"))

    def read_headers(self, crew: Crew, problems: Problems, *, max_megapixels: float) -> None:
        """Look into all files.

        Raises:
            DatasetError: see `Crew.run`.
        """
        total = self._one("SELECT COUNT(*) FROM file")
        paths = self._rows("SELECT id, path FROM file ORDER BY id")
        batches = iter(lambda: list(islice(paths, BATCH)), [])
        bad: list[Rejected] = []
        tick = adding(crew.looking, total=total)
        found = crew.run(_read_batch, None, batches, tick=tick, is_small=total <= FEW_FILES)
        columns = ", ".join(f"{name} = ?" for name in ("width", "height", *_FIELDS))
        self._database.execute("BEGIN")
        for headers, rejected in found:
            self._database.executemany(f"UPDATE file SET {columns} WHERE id = ?", headers)
            bad += rejected
        self._database.execute("COMMIT")
        self.forget("SELECT split, stem FROM file WHERE width IS NULL")
        problems.add(sorted(bad, key=str), headline="files are no images; remove or replace them")
        self.reject(
            f"width * height > {max_megapixels * 1e6}",
            problems=problems,
            headline=f"images are larger than --max-megapixels {max_megapixels:g}; raise it if they are meant",
            reason=lambda view, width, height, *_: f"announces {width}x{height} pixels",
        )

    def reject_lonely(self, problems: Problems, folders: Mapping[str, Path]) -> None:
        """Files of samples that lack one of the views; `folders` tells where each view's are."""
        others = {view: next(folder for other, folder in folders.items() if other != view) for view in folders}
        views = f"COUNT(DISTINCT view) < {len(folders)}"
        self.reject(
            f"(split, stem) IN (SELECT split, stem FROM file GROUP BY 1, 2 HAVING {views})",
            problems=problems,
            headline="images have no twin; add it, or remove them",
            reason=lambda view, *_: f"has no twin in {others[view]}",
        )

    def reject_unequal(self, problems: Problems, *, is_resized: bool) -> None:
        """Pairs of unequal size; if they are resized anyway, one aspect ratio is enough."""
        same = "a.width * b.height = b.width * a.height" if is_resized else "a.width = b.width AND a.height = b.height"
        pairs = "file a JOIN file b ON a.split = b.split AND a.stem = b.stem AND a.id < b.id"
        self._database.execute(
            f"CREATE TEMP TABLE unequal AS SELECT a.split split, a.stem stem, a.path path, a.width wa, a.height ha, "
            f"b.path other, b.width wb, b.height hb FROM {pairs} WHERE NOT ({same}) ORDER BY a.path"
        )
        rows = self._rows("SELECT path, wa, ha, other, wb, hb FROM unequal")
        found = [Rejected(file=path, reason=f"{wa}x{ha}, {other}: {wb}x{hb}") for path, wa, ha, other, wb, hb in rows]
        self.forget("SELECT split, stem FROM unequal")
        self._database.execute("DROP TABLE unequal")
        remedy = "make each two show the same area" if is_resized else "make each two equal, or give --size"
        problems.add(found, headline=f"pairs are unequal in size; {remedy}")

    def halve(self, problems: Problems, *, left: str, right: str) -> None:
        """Files, catalogued as `left`, hold two images side by side: make two of each."""
        self.reject(
            "width % 2",
            problems=problems,
            headline="images are no pairs A|B, their width is odd",
            reason=lambda view, width, *_: f"{width} pixels wide",
        )
        self._database.execute("UPDATE file SET width = width / 2")
        rest = ", ".join(("split", "stem", "path", "num_bytes", "mtime_ns", "labels", "width", "height", *_FIELDS))
        self._database.execute(
            f"INSERT INTO file (view, {rest}) SELECT ?, {rest} FROM file WHERE view = ?", (right, left)
        )

    def kinds(self, view: str) -> list[Kind]:
        """What the files of a view are, the most common first."""
        columns = ", ".join(_FIELDS)
        rows = self._rows(
            f"SELECT {columns}, COUNT(*) FROM file WHERE view = ? GROUP BY {columns} ORDER BY COUNT(*) DESC, {columns}",
            (view,),
        )
        return [Kind(**dict(zip((*_FIELDS, "count"), row, strict=True))) for row in rows]

    def sizes(self, views: Sequence[str]) -> list[tuple[int, int]]:
        """The two most common sizes (width, height) of the views' files, the most common first."""
        marks = ", ".join("?" * len(views))
        query = f"SELECT width, height FROM file WHERE view IN ({marks}) GROUP BY 1, 2 ORDER BY COUNT(*) DESC, 1, 2"
        return list(self._rows(f"{query} LIMIT 2", tuple(views)))

    def first(self, view: str) -> Header:
        """One file of a view: an example."""
        for entry in self.entries():
            if view in entry.headers:
                return entry.headers[view]
        raise DatasetError(f"No usable image of view {view!r} is left.")

    def entries(self) -> Iterator[Entry]:
        """All samples, by split and stem."""
        columns = ", ".join(("path", "num_bytes", "width", "height", *_FIELDS))
        rows = self._rows(f"SELECT split, stem, view, labels, {columns} FROM file ORDER BY split, stem, view")
        for (split, stem), files in groupby(rows, key=lambda row: (row[0], row[1])):
            headers, labels = {}, "{}"
            for _, _, view, text, *values in files:
                headers[view] = _header(*values)
                labels = text or labels
            yield Entry(split=split, stem=stem, headers=headers, labels=json.loads(labels))

    def __len__(self) -> int:
        """Number of files."""
        return self._one("SELECT COUNT(DISTINCT path) FROM file")

    def _rows(self, query: str, values: tuple = ()) -> Iterator[tuple]:
        yield from self._database.execute(query, values)

    def _one(self, query: str) -> Any:
        return self._database.execute(query).fetchone()[0]


_UNLISTED = "unlisted"


def _split_of(file: FoundFile, splits: SplitOptions) -> str:
    try:
        return splits.of(file.stem)
    except InputError:
        return _UNLISTED


def _header(path: str, num_bytes: int, width: int, height: int, *values: Any) -> Header:
    fields = dict(zip(_FIELDS, values, strict=True))
    flags = {name: bool(value) for name, value in fields.items() if name.startswith(("is_", "has_"))}
    return Header(path=Path(path), size=(width, height), num_bytes=num_bytes, **{**fields, **flags})


def _read_batch(shared: None, item: list[tuple[int, str]], *, tick: Tick) -> tuple[list[tuple], list[Rejected]]:
    """For each file the values of its columns, in order, and its id; and the files that are no images."""
    headers, rejected = [], []
    for id, path in item:
        try:
            header = read_header(Path(path))
        except (DatasetError, OSError) as error:
            rejected.append(_rejected(path, error))
        else:
            headers.append((*header.size, *(getattr(header, name) for name in _FIELDS), id))
        tick(1)
    return headers, rejected


def _rejected(path: str, error: Exception) -> Rejected:
    if isinstance(error, OSError):
        return Rejected(file=path, reason=f"cannot be read ({error.strerror})")
    return Rejected(file=path, reason=str(error).removeprefix(f"{path}: "))
