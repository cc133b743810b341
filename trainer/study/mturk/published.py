"""mturk.json in the folder of a study: which HITs were published where."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sharding.storage.records import MEBIBYTE, RecordError, checked, read_record
from trainer.config.errors import ConfigError
from trainer.runs import formats
from trainer.study.mturk.requester import Place

FILE_NAME = "mturk.json"


@dataclass(frozen=True, kw_only=True)
class Published:
    """HITs by their number in the plan, and Amazon's identifiers."""

    sandbox: dict[int, str] = field(default_factory=dict)
    live: dict[int, str] = field(default_factory=dict)

    def hits(self, place: Place) -> dict[int, str]:
        """Those of one place: a HIT that is put in here is there in the next `write_published`."""
        return self.live if place == "live" else self.sandbox


def read_published(study: Path) -> Published:
    """What was published of a study, nothing if there is no file. Raises ConfigError if it is damaged."""
    path = study / FILE_NAME
    try:
        record: dict[str, Any] = formats.MTURK.read(read_record(path, most=MEBIBYTE), path=path)
        return checked({name: value for name, value in record.items() if name != formats.FORMAT_KEY}, Published)
    except FileNotFoundError:
        return Published()
    except RecordError as error:
        raise ConfigError("study", str(path), f"{error}. Put a copy of it there: it tells what is paid for.") from error


def write_published(study: Path, published: Published) -> None:
    """Write it, whole or not at all. Raises OSError."""
    formats.MTURK.write(study / FILE_NAME, asdict(published))
