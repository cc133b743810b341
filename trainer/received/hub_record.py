"""config.json of a folder that `diptych export --format hub` wrote. Imports no torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sharding.storage.records import RecordError, parse_json, read_record
from trainer.config.errors import ConfigError
from trainer.exports.kinds import HUB_FORMAT
from trainer.runs.contents import LARGEST_RECORD

FIELD = "folder"
CONFIG = "config.json"


def read_hub_record(path: Path) -> Mapping[str, Any]:
    """config.json of an exported folder. Raises ConfigError if it is none of ours, or a later version made it."""
    try:
        record = parse_json(read_record(path, most=LARGEST_RECORD))
    except (RecordError, OSError) as error:
        raise ConfigError(FIELD, str(path), f"cannot be read ({error}).") from error
    if not isinstance(record, dict) or record.get("library_name") != "diptych":
        raise ConfigError(FIELD, str(path), "is not of `diptych export --format hub`; give the folder that it wrote.")
    if record.get("format") != HUB_FORMAT:
        raise ConfigError(
            FIELD, str(path), f"has format {record.get('format')!r:.20}; this version reads {HUB_FORMAT}."
        )
    return record
