"""Which split a sample belongs to, where the folders do not tell: by its name's hash, or by a list."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sharding.errors import DatasetError, OptionError
from sharding.format.shares import name_hash
from sharding.inputs.tables import NameTable, read_table, table_hash
from sharding.work.plan import SPLITS
from sharding.work.problems import InputError


@dataclass(frozen=True, kw_only=True)
class SplitOptions:
    """Which split a sample belongs to, where the folders do not tell."""

    val: float = 0.1
    """Share of the samples for validation. A sample's name decides, so new samples move none of the old."""
    test: float = 0.1
    """Share of the samples for the test."""
    split_list: Path | None = None
    """A CSV in place of the shares: `file,split` in the first line, then a file's name (with or without suffix) and
    train, val or test."""
    split_by: str | None = None
    """What keeps samples of one patient or scene in one split: `pattern:REGEX` matches a sample's whole name, and its
    first group says whose it is; `csv:FILE` has `file,patient` in the first line, and a row for each. The hash is of
    that in place of the name."""

    def __post_init__(self) -> None:
        check_shares(self.val, self.test)
        if self.split_by is None:
            return
        if self.split_list is not None:
            raise OptionError(f"--split-by {self.split_by}: --split-list says already where each sample goes; use one.")
        kind, _, rest = self.split_by.partition(":")
        if kind not in ("pattern", "csv") or not rest:
            raise OptionError(f"--split-by {self.split_by}: use pattern:REGEX or csv:FILE.")
        if kind == "pattern" and _compiled(rest).groups < 1:
            raise OptionError(
                f"--split-by {self.split_by}: put what samples share in parentheses, e.g. (patient\\d+)_.*"
            )

    def made_by(self) -> dict[str, Any]:
        """The options as JSON values."""
        if self.split_list is None:
            return {"val": self.val, "test": self.test} | self._made_by_groups()
        return {"split_list": table_hash(self.split_list)}

    def of(self, path: Path, stem: str) -> str:
        """The split of the file `path`, whose sample is called `stem`.

        Raises:
            InputError: it is not in the list, or nothing says whose it is.
            DatasetError: the list is not what it should be.
        """
        if self._listed is None:
            return split_by_hash(self._group(path, stem), val=self.val, test=self.test)
        row = self._listed.find(path, stem)
        if row is None:
            raise InputError(path, f"has no row in {self.split_list}")
        return row[0]

    @property
    def place(self) -> str:
        """Where it should stand of each file, for messages: `no row in splits.csv; add it`."""
        if self.split_by is not None and self.split_by.startswith("pattern:"):
            return f"a name that --split-by {self.split_by} does not match; rename it"
        return f"no row in {self.split_list or (self.split_by or '').removeprefix('csv:')}; add it"

    def _made_by_groups(self) -> dict[str, Any]:
        """Nothing without them: sets made before have no such option."""
        kind, _, rest = (self.split_by or "").partition(":")
        return {} if not kind else {"split_by": table_hash(Path(rest)) if kind == "csv" else self.split_by}

    def _group(self, path: Path, stem: str) -> str:
        """What the split follows from: whose sample it is, or its name where each is for itself."""
        if self.split_by is None:
            return stem
        if self._groups is not None:
            row = self._groups.find(path, stem)
            group = None if row is None else row[0]
        else:
            match = _compiled(self.split_by.partition(":")[2]).fullmatch(stem)
            group = None if match is None else match[1]
        if not group:
            raise InputError(path, f"has {self.place}")
        return group

    @cached_property
    def _groups(self) -> NameTable | None:
        kind, _, rest = (self.split_by or "").partition(":")
        if kind != "csv":
            return None
        table = read_table(Path(rest))
        if len(table.columns) != 1:
            raise DatasetError(f"{rest}: has {len(table.columns) + 1} columns; it must have two, e.g. `file,patient`.")
        return table

    @cached_property
    def _listed(self) -> NameTable | None:
        return None if self.split_list is None else read_splits(self.split_list)


def read_splits(file: Path) -> NameTable:
    """A list of splits. Raises DatasetError unless it has two columns, of which the second holds names of splits."""
    table = read_table(file)
    names = ", ".join(SPLITS)
    if len(table.columns) != 1:
        raise DatasetError(f"{file}: has {len(table.columns) + 1} columns; it must have two, `file,split`.")
    if table.columns[0] in SPLITS:
        raise DatasetError(f"{file}: its first line is about a file; put `file,split` before it.")
    for name, (split,) in table.rows.items():
        if split not in SPLITS:
            raise DatasetError(f"{file}, line {table.lines[name]}: {split!r} is none of {names}.")
    return table


def _compiled(pattern: str) -> re.Pattern[str]:
    """Raises OptionError unless it is a regular expression."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise OptionError(f"--split-by pattern:{pattern}: no regular expression ({error}).") from error


def check_shares(val: float, test: float) -> None:
    """Raises OptionError unless something is left for training."""
    if min(val, test) < 0 or val + test >= 1:
        raise OptionError(f"--val {val} --test {test}: use shares of 0 or more, together below 1.")


def split_by_hash(stem: str, *, val: float, test: float) -> str:
    """The split by where SHA-256 puts the name in [0, 1): whatever else is there, so shares are kept on average."""
    place = int.from_bytes(name_hash(stem)[:8], "big") / 2**64
    if place < test:
        return "test"
    return "val" if place < test + val else "train"


def split_exactly(stems: Collection[str], *, val: float, test: float) -> dict[str, str]:
    """A split for each stem of a set that never grows, by the rank of its hash: the shares are kept exactly.

    A share above 0 gets at least one sample if there are three or more.
    """
    ranked = sorted(stems, key=name_hash)
    counts = {}
    for split, share in (("test", test), ("val", val)):
        least = 1 if share > 0 and len(ranked) >= len(SPLITS) else 0
        counts[split] = max(least, round(share * len(ranked)))
    names = ["test"] * counts["test"] + ["val"] * counts["val"]
    return {stem: names[rank] if rank < len(names) else "train" for rank, stem in enumerate(ranked)}
