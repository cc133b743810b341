"""Which results of `diptych translate` lie whole in a folder, of which inputs: a call goes on where one stopped.

The file `.diptych-translate.jsonl` in the folder of results: how they are made, which are to be made, and a line for
each that was. Imports no torch.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sharding.storage.files import open_to_append, read_regular
from trainer.config.errors import ConfigError

if TYPE_CHECKING:
    from trainer.inference.sources import Source

FILE_NAME = ".diptych-translate.jsonl"
_MOST_BYTES = 2**28


class Journal:
    """That of one folder. Lines of a call with other settings are as if they were not there.

    Args:
        made_by: all that decides what results are, beside the inputs and the checkpoint.
    """

    def __init__(self, destination: Path, made_by: Mapping[str, str]) -> None:
        """Raises ConfigError if the journal is there and cannot be read."""
        self._folder, self._made_by = destination, dict(made_by)
        self._planned: set[str] = set()
        self._made: dict[str, Any] = {}
        for line in self._lines():
            self._planned |= set(line.get("planned", ()))
            if "made" in line:
                self._made[line["made"]] = line["of"]
        self._inputs: dict[str, Sequence[object]] = {}

    def _lines(self) -> list[dict[str, Any]]:
        path = self._folder / FILE_NAME
        try:
            text = read_regular(path, most=_MOST_BYTES).decode(errors="replace")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ConfigError("out", str(path), f"{error.strerror}; remove it, or use another folder.") from error
        lines = [found for line in text.splitlines() if isinstance(found := _parsed(line), dict)]
        return lines[1:] if lines and lines[0].get("made_by") == self._made_by else []

    def forget(self) -> None:
        """Take nothing for made."""
        self._planned, self._made = set(), {}

    def is_ours(self, target: Path) -> bool:
        """Whether a call with the same settings was to make this file."""
        return self._name(target) in self._planned

    def begin(self, targets: "Mapping[Source, list[Path]]", *, position: int) -> "dict[Source, list[Path]]":
        """Write down what is to be made of which inputs, as they are now, and give what is not made yet.

        Args:
            position: of the checkpoint that makes it; what another one made is made anew.

        Raises:
            OSError: the journal cannot be written.
        """
        self._inputs = {self._name(each): _state(file) for file, made in targets.items() for each in made}
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._planned:
            (self._folder / FILE_NAME).unlink(missing_ok=True)
            self._append({"made_by": self._made_by})
        if new := sorted(self._inputs.keys() - self._planned):
            self._append({"planned": new})
            self._planned |= set(new)
        return {file: made for file, made in targets.items() if not all(self._is_made(each, position) for each in made)}

    def _is_made(self, target: Path, position: int) -> bool:
        name = self._name(target)
        return self._made.get(name) == [*self._inputs[name], position] and target.is_file()

    def add(self, targets: Iterable[Path], *, position: int) -> None:
        """Note that files are whole."""
        for name in map(self._name, targets):
            self._append({"made": name, "of": [*self._inputs[name], position]})

    def _append(self, line: dict[str, Any]) -> None:
        with open_to_append(self._folder / FILE_NAME) as file:
            file.write("\n" + json.dumps(line) + "\n")  # the line before may have been cut off

    def _name(self, target: Path) -> str:
        return target.relative_to(self._folder).as_posix()


def _parsed(line: str) -> object:
    """None for a line that was not written whole."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def _state(file: "Source") -> list[object]:
    """What changes with a file: its name, bytes and time; of one that is not there its name."""
    if not isinstance(file, Path):
        return json.loads(json.dumps([str(file), *file.state]))  # as it will be read
    try:
        found = file.stat()
    except OSError:
        return [str(file)]
    return [str(file), found.st_size, found.st_mtime_ns]
