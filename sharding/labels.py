"""Labels of image files, from class folders, a CSV, or the names of the files."""

import csv
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from sharding.manifest import DatasetError, LabelInfo
from sharding.problems import listing
from sharding.sample import OptionError

CLASS = "class"
"""Name of the label that class folders give."""

FIRST_AGES = (0, 6, 11, 16, 21, 31, 41, 51, 61, 71)
"""The ten age groups of CAAE (Zhang et al. 2017, arXiv:1702.08423) begin with these."""
AGES = [*(f"{first}-{after - 1}" for first, after in pairwise(FIRST_AGES)), "71+"]
UTKFACE = {
    "age": LabelInfo(names=AGES, ordinal=True),
    "gender": LabelInfo(names=["male", "female"]),
    "race": LabelInfo(names=["white", "black", "asian", "indian", "other"]),
}
"""Names of UTKFace's files: `age_gender_race_time.jpg`, all but the time as numbers."""
_UTKFACE_NAME = re.compile(r"(?P<age>\d{1,3})_(?P<gender>[01])_(?P<race>[0-4])_.+")

Infos = dict[str, LabelInfo]
Texts = list[dict[str, str]]


@dataclass(frozen=True, kw_only=True)
class LabelOptions:
    """Where the labels of image files come from."""

    labels: str | None = None
    """`folders`: sub-folders are classes. `csv:FILE`: a file's name, then its labels by header. `pattern:REGEX`: named
    groups in the whole of a file's name without suffix. `utkface`: that set's age (in ten groups), gender and race."""
    ordinal: tuple[str, ...] = ()
    """Labels whose values are in order: numbers, as in `age`, or spelt out, as in `size=small,medium,large`."""

    def __post_init__(self) -> None:
        kind, _, rest = (self.labels or "").partition(":")
        if self.labels is not None and not ((kind in {"folders", "utkface"} and not rest) or (kind == "csv" and rest)):
            if kind != "pattern":
                raise OptionError(f"--labels {self.labels}: use folders, csv:FILE, pattern:REGEX or utkface.")
            check_pattern(rest)
        if self.ordinal and (self.labels is None or kind == "utkface"):
            raise OptionError("--ordinal: it goes with --labels folders, csv:FILE or pattern:REGEX.")

    @property
    def has_class_folders(self) -> bool:
        return self.labels == "folders"

    def made_by(self) -> dict[str, Any]:
        """The options as JSON values; nothing if there are no labels."""
        return {} if self.labels is None else {"labels": self.labels, "ordinal": list(self.ordinal)}

    def files(self) -> dict[str, Path]:
        """What is read beside the images. Raises `DatasetError` if it is missing."""
        kind, _, rest = (self.labels or "").partition(":")
        if kind != "csv":
            return {}
        if not Path(rest).is_file():
            raise DatasetError(f"{rest} is no file. Give the CSV as --labels csv:FILE.")
        return {"labels": Path(rest)}

    def read(self, paths: Sequence[Path]) -> tuple[Infos, list[dict[str, int]]]:
        """The kinds of labels, and the labels of each file.

        Raises:
            DatasetError: files without a label; the message lists them.
        """
        kind, _, rest = (self.labels or "").partition(":")
        if kind == "utkface":
            return dict(UTKFACE), [utkface_labels(texts) for texts in match_names(_UTKFACE_NAME, paths)]
        if kind == "folders":
            texts = [{CLASS: path.parent.name} for path in paths]
        elif kind == "csv":
            texts = read_csv(Path(rest), paths)
        elif kind == "pattern":
            texts = match_names(re.compile(rest), paths)
        else:
            return {}, [{} for _ in paths]
        return number_labels(texts, ordinal=self.ordinal)


def check_pattern(pattern: str) -> None:
    """Raises OptionError unless the regular expression is one, and names its groups."""
    try:
        groups = re.compile(pattern).groupindex
    except re.error as error:
        raise OptionError(f"--labels pattern:{pattern}: no regular expression ({error}).") from error
    if not groups:
        raise OptionError(f"--labels pattern:{pattern}: name the labels' groups, e.g. (?P<character>.)_.*")


def match_names(pattern: re.Pattern[str], paths: Sequence[Path]) -> Texts:
    """The named groups of each file's name without suffix.

    Raises:
        DatasetError: names that do not match; the message lists them.
    """
    matches = [pattern.fullmatch(path.stem) for path in paths]
    others = [str(path) for path, match in zip(paths, matches, strict=True) if match is None]
    if others:
        raise DatasetError(
            f"{len(others)} of {len(paths)} names do not match {pattern.pattern!r}; rename the files, or remove them:\n"
            f"{listing(others)}"
        )
    texts = [match.groupdict(default="") for match in matches if match is not None]
    check_filled(texts, paths, where="its name")
    return texts


def utkface_labels(texts: Mapping[str, str]) -> dict[str, int]:
    """Age in years -> its group; gender and race are numbers already."""
    age = bisect_right(FIRST_AGES, int(texts["age"])) - 1
    return {"age": age, "gender": int(texts["gender"]), "race": int(texts["race"])}


def read_csv(file: Path, paths: Sequence[Path]) -> Texts:
    """The labels of each file. The first column holds its name, with or without suffix and the folder it is in.

    Rows of other files are none of our business: they may be in a part of the set that is not here.

    Raises:
        DatasetError: no header, a name twice, or files without a row; the message lists them.
    """
    with file.open(encoding="utf-8-sig", newline="") as stream:
        header, *rows = [row for row in csv.reader(stream) if row] or [[]]
    if len(header) < 2 or len(set(header)) < len(header) or not all(header[1:]):
        raise DatasetError(f"{file}: its first line must name the columns: file, then each label once.")
    uneven = [",".join(row) for row in rows if len(row) != len(header)]
    if uneven:
        raise DatasetError(f"{file}: {len(uneven)} rows do not have {len(header)} columns:\n{listing(uneven)}")
    by_name = {name: dict(zip(header[1:], labels, strict=True)) for name, *labels in rows}
    if len(by_name) < len(rows):
        names = [row[0] for row in rows]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise DatasetError(f"{file}: {len(twice)} names have two rows; keep one of each:\n{listing(twice)}")
    texts = [by_name.get(name_in_csv(path, by_name), {}) for path in paths]
    missing = [str(path) for path, labels in zip(paths, texts, strict=True) if not labels]
    if missing:
        raise DatasetError(
            f"{len(missing)} of {len(paths)} images have no row in {file}; add it, or remove them:\n{listing(missing)}"
        )
    check_filled(texts, paths, where=str(file))
    return texts


def name_in_csv(path: Path, known: Mapping[str, object]) -> str:
    """How the CSV calls the file: the most exact of the names that it knows."""
    names = (f"{path.parent.name}/{path.name}", path.name, path.stem)
    return next((name for name in names if name in known), "")


def check_filled(texts: Texts, paths: Sequence[Path], *, where: str) -> None:
    """Raises DatasetError if a label is empty."""
    empty = [
        f"{path}: {', '.join(name for name, text in labels.items() if not text)}"
        for path, labels in zip(paths, texts, strict=True)
        if not all(labels.values())
    ]
    if empty:
        raise DatasetError(f"{len(empty)} images have an empty label in {where}; fill it in:\n{listing(empty)}")


def number_labels(texts: Texts, *, ordinal: Sequence[str]) -> tuple[Infos, list[dict[str, int]]]:
    """Values become numbers: in the order that `ordinal` tells, else numbers by size and words by the alphabet."""
    orders = {name: order for name, _, order in (entry.partition("=") for entry in ordinal)}
    strangers = set(orders).difference(texts[0])
    if strangers:
        raise OptionError(f"--ordinal {sorted(strangers)[0]}: no such label; there are {', '.join(texts[0])}.")
    infos = {}
    for name in texts[0]:
        found = {labels[name] for labels in texts}
        infos[name] = LabelInfo(names=order_names(name, found, orders.get(name)), ordinal=name in orders)
    numbers = {name: {text: number for number, text in enumerate(info.names)} for name, info in infos.items()}
    return infos, [{name: numbers[name][text] for name, text in labels.items()} for labels in texts]


def order_names(label: str, found: set[str], order: str | None) -> list[str]:
    """The names of a label's values. `order`: None for classes, empty for numbers in order, else names in order."""
    if order:
        names = order.split(",")
        missing = sorted(found.difference(names))
        if missing or len(set(names)) < len(names):
            wrong = f"the files also have {', '.join(missing)}" if missing else "a name stands there twice"
            raise OptionError(f"--ordinal {label}={order}: {wrong}.")
        return names
    try:
        return sorted(found, key=lambda text: (float(text), text))
    except ValueError:
        if order is not None:
            example = ",".join(sorted(found)[:3])
            raise OptionError(f"--ordinal {label}: its values are no numbers; write {label}={example},...") from None
        return sorted(found)
