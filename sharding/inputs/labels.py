"""Labels of image files, from class folders, a CSV, or the names of the files."""

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from sharding.errors import OptionError
from sharding.format.manifest import LabelInfo
from sharding.format.names import storable
from sharding.inputs.tables import read_table, table_hash
from sharding.work.problems import Headline, InputError

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
LabelReader = Callable[[Path, str], dict[str, str]]
"""A file and the name of its sample -> the text of each of its labels. Raises InputError if it has none."""


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

    def inputs(self) -> dict[str, str]:
        """A hash of what is read beside the images. Raises DatasetError if it cannot be read."""
        kind, _, rest = (self.labels or "").partition(":")
        if kind != "csv":
            return {}
        return {"labels": table_hash(Path(rest))}

    @property
    def headline(self) -> Headline:
        """What to say of files without a label, after their number."""
        kind, _, rest = (self.labels or "").partition(":")
        if kind == "csv":
            return "image has", "images have", f"no row, or an empty label, in {rest}; add it"
        if kind == "folders":
            return "image lies", "images lie", "in a folder whose name cannot be a label; rename it"
        pattern = _UTKFACE_NAME.pattern if kind == "utkface" else rest
        return "name does not", "names do not", f"match {pattern!r}; rename the files"

    def reader(self) -> LabelReader | None:
        """What tells the labels of a file; None if there are none.

        Raises:
            DatasetError: the CSV is not what it should be.
        """
        kind, _, rest = (self.labels or "").partition(":")
        match kind:
            case "folders":
                return _folder_label
            case "csv":
                return csv_reader(Path(rest))
            case "pattern":
                pattern = re.compile(rest)
                return lambda path, stem: match_name(pattern, path)
            case "utkface":
                return lambda path, stem: utkface_labels(match_name(_UTKFACE_NAME, path))
            case _:
                return None

    def number(self, texts: Iterable[Mapping[str, str]]) -> Infos:
        """The kinds of labels, from all combinations of values that occur."""
        if self.labels == "utkface":
            return dict(UTKFACE)
        return number_labels(texts, ordinal=self.ordinal)


def _folder_label(path: Path, stem: str) -> dict[str, str]:
    return check_filled({CLASS: stem.partition("/")[0]}, path, where="its folder's name")


def check_pattern(pattern: str) -> None:
    """Raises OptionError unless the regular expression is one, and names its groups."""
    try:
        groups = re.compile(pattern).groupindex
    except re.error as error:
        raise OptionError(f"--labels pattern:{pattern}: no regular expression ({error}).") from error
    if not groups:
        raise OptionError(f"--labels pattern:{pattern}: name the labels' groups, e.g. (?P<character>.)_.*")


def match_name(pattern: re.Pattern[str], path: Path) -> dict[str, str]:
    """The named groups of a file's name without suffix. Raises InputError if it does not match, or a group is empty."""
    match = pattern.fullmatch(path.stem)
    if match is None:
        raise InputError(path, "its name does not match")
    return check_filled(match.groupdict(default=""), path, where="its name")


def utkface_labels(texts: Mapping[str, str]) -> dict[str, str]:
    """Age in years -> its group; gender and race are numbers, and become words."""
    age = bisect_right(FIRST_AGES, int(texts["age"])) - 1
    return {"age": AGES[age]} | {name: UTKFACE[name].names[int(texts[name])] for name in ("gender", "race")}


def csv_reader(file: Path) -> LabelReader:
    """Labels by file, from a CSV: see `read_table`.

    Rows of other files are none of our business: they may be in a part of the set that is not here.

    Raises:
        DatasetError: it is not what it should be.
    """
    table = read_table(file)

    def read(path: Path, stem: str) -> dict[str, str]:
        labels = table.find(path, stem)
        if labels is None:
            raise InputError(path, f"has no row in {file}")
        return check_filled(dict(zip(table.columns, labels, strict=True)), path, where=str(file))

    return read


def check_filled(labels: dict[str, str], path: Path, *, where: str) -> dict[str, str]:
    """The labels. Raises InputError if one is empty, or holds bytes that are no text."""
    empty = [name for name, text in labels.items() if not text]
    if empty:
        raise InputError(path, f"the label {', '.join(empty)} is empty in {where}")
    garbled = [name for name, text in labels.items() if storable(text) != text]
    if garbled:
        raise InputError(path, f"the label {', '.join(garbled)} is no UTF-8 in {where}; rename it")
    return labels


def number_labels(texts: Iterable[Mapping[str, str]], *, ordinal: Sequence[str]) -> Infos:
    """The names of each label's values: in the order that `ordinal` tells, else numbers by size, words by alphabet."""
    orders = {name: order for name, _, order in (entry.partition("=") for entry in ordinal)}
    found: dict[str, set[str]] = {}
    for labels in texts:
        for name, text in labels.items():
            found.setdefault(name, set()).add(text)
    strangers = set(orders).difference(found)
    if strangers:
        raise OptionError(f"--ordinal {sorted(strangers)[0]}: no such label; there are {', '.join(found)}.")
    return {
        name: LabelInfo(names=order_names(name, values, orders.get(name)), ordinal=name in orders)
        for name, values in found.items()
    }


def label_numbers(texts: Mapping[str, str], infos: Mapping[str, LabelInfo]) -> dict[str, int]:
    """The place of each of a sample's label values among the names."""
    return {name: infos[name].names.index(text) for name, text in texts.items()}


def order_names(label: str, found: set[str], order: str | None) -> list[str]:
    """The names of a label's values. `order`: None for classes, empty for numbers in order, else names in order."""
    if order:
        names = order.split(",")
        missing = sorted(found.difference(names))
        if missing or len(set(names)) < len(names):
            wrong = f"the files also have {', '.join(missing)}" if missing else "a name stands there twice"
            raise OptionError(f"--ordinal {label}={order}: {wrong}.")
        return names
    numbers = {text: _number(text) for text in found}
    if None not in numbers.values():
        return sorted(found, key=lambda text: (numbers[text], text))
    if order is not None:
        words = sorted(text for text, number in numbers.items() if number is None)
        example = ",".join(sorted(found)[:3])
        raise OptionError(f"--ordinal {label}: its values are no numbers, as {words[0]!r}; write {label}={example},...")
    return sorted(found)


def _number(text: str) -> float | None:
    """The number that a text means; None for words, to which `nan` belongs: it has no place in an order."""
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number
