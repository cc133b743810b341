"""Spreadsheets that tell something of files, saved as CSV: labels, and lists of splits."""

import csv
import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sharding.console import counted
from sharding.errors import DatasetError
from sharding.format.codec import SUFFIXES
from sharding.work.problems import listing

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True, kw_only=True)
class NameTable:
    """Rows by the names of files."""

    file: Path
    columns: tuple[str, ...]
    """Titles of the columns behind the first, which holds the names."""
    rows: Mapping[str, tuple[str, ...]]
    lines: Mapping[str, int]
    """Where in the file the row of a name stands."""

    def find(self, path: Path, stem: str) -> tuple[str, ...] | None:
        """The row of a file, by the most exact of the names that the table knows: with its folder, then without.

        Args:
            stem: what the file's sample is called.
        """
        name = without_suffix(path.name)
        names = (stem if "/" in stem else "", f"{path.parent.name}/{name}", name, stem)
        return next((self.rows[spelt] for spelt in map(spelling, names) if spelt in self.rows), None)


def read_table(file: Path) -> NameTable:
    """A CSV: commas, semicolons or tabs; UTF-8, or UTF-16 as spreadsheets write it; blanks around values are none.

    Names may be with or without suffix, and the folder that a file is in.

    Raises:
        DatasetError: it cannot be read, is no text, has no header, rows of other lengths, or a name twice.
    """
    header, *rows = _rows(file, _text(file)) or [(1, [])]
    titles = header[1]
    if len(titles) < 2 or len(set(titles)) < len(titles) or not all(titles[1:]):
        raise DatasetError(f"{file}: its first line must name the columns: file, then each label once.")
    if PurePosixPath(titles[0]).suffix.lower() in SUFFIXES:
        raise DatasetError(f"{file}: its first line is about {titles[0]!r}; put one before it that names the columns.")
    uneven = [f"line {line}: {','.join(row)}" for line, row in rows if len(row) != len(titles)]
    if uneven:
        raise DatasetError(
            f"{file}: {counted(len(uneven), 'row does', 'rows do')} not have {len(titles)} columns:\n{listing(uneven)}"
        )
    names = [spelling(without_suffix(row[0].removeprefix("./"))) for _, row in rows]
    counts = Counter(names)
    twice = sum(count > 1 for count in counts.values())
    if twice:
        found = [f"line {line}: {row[0]}" for name, (line, row) in zip(names, rows, strict=True) if counts[name] > 1]
        raise DatasetError(
            f"{file}: {counted(twice, 'name has', 'names have')} two rows; keep one of each:\n{listing(found)}"
        )
    return NameTable(
        file=file,
        columns=tuple(titles[1:]),
        rows={name: tuple(row[1:]) for name, (_, row) in zip(names, rows, strict=True)},
        lines={name: line for name, (line, _) in zip(names, rows, strict=True)},
    )


def table_hash(file: Path) -> str:
    """SHA-256 of a table's file. Raises DatasetError if it cannot be read."""
    return hashlib.sha256(_content(file)).hexdigest()


def without_suffix(name: str) -> str:
    """A file's name without the suffix of an image; other dots belong to it, as in `frame_0.5`."""
    stem, dot, suffix = name.rpartition(".")
    return stem if f"{dot}{suffix.lower()}" in SUFFIXES else name


def spelling(name: str) -> str:
    """A name with each accent in its letter (NFC), as equal-looking names are one: other systems write it behind."""
    return unicodedata.normalize("NFC", name)


def _content(file: Path) -> bytes:
    try:
        return file.expanduser().read_bytes()
    except (OSError, RuntimeError) as error:  # no such user's home
        reason = error.strerror if isinstance(error, OSError) else error
        raise DatasetError(f"{file} is no file that can be read ({reason}). Give a CSV file.") from error


def _text(file: Path) -> str:
    content = _content(file)
    encoding = "utf-16" if content.startswith(_UTF16) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{file}: byte {error.start} is no {encoding.removesuffix('-sig').upper()}; save it as CSV in UTF-8."
        ) from error


def _rows(file: Path, text: str) -> list[tuple[int, list[str]]]:
    """Numbers of lines, and the values of each that is not empty."""
    first = text.partition("\n")[0]
    delimiter = next((mark for mark in _DELIMITERS if mark in first), ",")
    try:
        rows = list(_stripped(csv.reader(text.splitlines(keepends=True), delimiter=delimiter)))
    except csv.Error as error:
        raise DatasetError(f"{file}: is no CSV ({error}); save it as CSV in UTF-8.") from error
    width = len(_trimmed(rows[0][1], 0)) if rows else 0
    return [(line, _trimmed(row, width)) for line, row in rows]


def _stripped(reader) -> Iterator[tuple[int, list[str]]]:  # noqa: ANN001 - the type of csv.reader has no public name
    for row in reader:
        values = [value.strip() for value in row]
        if any(values):
            yield reader.line_num, values


def _trimmed(row: list[str], width: int) -> list[str]:
    """The row without empty columns at its right beyond `width`: spreadsheets save those that once were used."""
    while len(row) > width and not row[-1]:
        row = row[:-1]
    return row
