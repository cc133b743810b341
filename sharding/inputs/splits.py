"""Which split a sample belongs to, where the folders do not tell: by its name's hash, or by a list."""

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

    def __post_init__(self) -> None:
        check_shares(self.val, self.test)

    def made_by(self) -> dict[str, Any]:
        """The options as JSON values."""
        if self.split_list is None:
            return {"val": self.val, "test": self.test}
        return {"split_list": table_hash(self.split_list)}

    def of(self, path: Path, stem: str) -> str:
        """The split of the file `path`, whose sample is called `stem`.

        Raises:
            InputError: it is not in the list.
            DatasetError: the list is not what it should be.
        """
        if self._listed is None:
            return split_by_hash(stem, val=self.val, test=self.test)
        row = self._listed.find(path, stem)
        if row is None:
            raise InputError(path, f"has no row in {self.split_list}")
        return row[0]

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
