"""Inputs that cannot be used: all of them are listed at once, or on request left out and put on record."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sharding.console import counted
from sharding.errors import DatasetError
from sharding.storage.files import write_atomically

MAX_LISTED = 10

Headline = tuple[str, str, str]
"""What comes after a 1, after any other number, and after that: ("image has", "images have", "no twin; add it")."""


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """One input that cannot be used."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"

    def as_json(self) -> dict[str, str]:
        return asdict(self)


class InputError(DatasetError):
    """One input that cannot be used."""

    def __init__(self, file: object, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file, self.reason = str(file), reason

    def __reduce__(self) -> tuple:
        return InputError, (self.file, self.reason)


def rejected_by(error: DatasetError, key: str) -> Rejected:
    """What to note of a sample that cannot be made."""
    if isinstance(error, InputError):
        return Rejected(file=error.file, reason=error.reason)
    return Rejected(file=key, reason=str(error))


@dataclass(kw_only=True)
class Problems:
    """What is wrong with the inputs of one data set."""

    skip: bool = False
    """Leave unusable inputs out, instead of stopping."""
    rejected: list[Rejected] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What people should know, and nothing stops for."""
    _paragraphs: list[str] = field(default_factory=list)

    def add(self, found: Iterable[Rejected], *, headline: Headline) -> None:
        """Note inputs of which one thing is wrong; `headline`, after their number, says what, and the remedy."""
        before = len(self.rejected)
        self.rejected.extend(found)
        new = self.rejected[before:]
        if new:
            one, many, what = headline
            self._paragraphs.append(f"{counted(len(new), one, many)} {what}:\n{listing([str(each) for each in new])}")

    def check(self) -> None:
        """Raises DatasetError that lists all that was found, unless it is to be skipped."""
        if self._paragraphs and not self.skip:
            raise DatasetError("\n".join([*self._paragraphs, SKIP]))

    def nothing_left(self, message: str) -> DatasetError:
        """What to raise where no input is left to go on with: the message, and all that was found before."""
        if not self._paragraphs:
            return DatasetError(message)
        return DatasetError("\n".join([message, *self._paragraphs, "Mend these; nothing is left to leave out."]))


SKIP = "Or add --skip-bad to leave them out; rejected.jsonl will list them with their reasons."


def listing(problems: Sequence[str]) -> str:
    """The first ten, one to a line, and how many more there are."""
    rest = len(problems) - MAX_LISTED
    lines = [f"  {problem}" for problem in problems[:MAX_LISTED]]
    return "\n".join(lines + ([f"  ... and {rest} more"] if rest > 0 else []))


def write_rejected(path: Path, rejected: Sequence[Rejected]) -> None:
    """Write one line for each input that was left out; no file if none was."""
    if rejected:
        lines = "".join(json.dumps(one.as_json(), ensure_ascii=False) + "\n" for one in rejected)
        write_atomically(path, lines.encode(errors="backslashreplace"))  # which JSON reads back as the same name
