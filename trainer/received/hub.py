"""The run around a folder that `diptych export --format hub` wrote, by whomever it was passed on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from sharding.errors import DatasetError
from sharding.format.manifest_file import parse_description
from sharding.storage.records import RecordError, parse_json, read_record
from trainer.config.errors import ConfigError
from trainer.exports.hub import FORMAT, read_weights
from trainer.received.run import NO_DATA, write_received
from trainer.runs.config import config_from_dict
from trainer.runs.contents import LARGEST_RECORD

_FIELD = "folder"


def write_from_hub(folder: Path, out: Path) -> str:
    """Write the run. Returns the method's name.

    Raises:
        ConfigError: the folder is none of ours, a later version made it, or it is damaged.
    """
    path = folder / "config.json"
    record = _record(path)
    try:
        data = {**record["data"], "path": str(NO_DATA)}
        config = config_from_dict({"method": record["method"], "data": data, "evaluate": {"encoder": "none"}})
        manifest = parse_description(record["dataset"], path=str(path))
        position, preset = int(record["position"]), str(record["preset"])[:200]
    except (KeyError, TypeError, ValueError, DatasetError) as error:
        raise ConfigError(_FIELD, str(path), f"is damaged ({error!s:.200}): export the run again.") from error
    if not 0 <= position < 10**15:
        raise ConfigError(_FIELD, str(path), f"has position = {position}, which is no number of images.")
    networks: dict[str, dict[str, Tensor]] = {}
    for full_name, tensor in _weights(folder / "model.safetensors").items():
        network, _, name = full_name.partition(".")
        networks.setdefault(network, {})[name] = tensor
    write_received(
        out,
        config=config,
        manifest=manifest,
        networks=networks,
        position=position,
        preset=preset,
        command=["diptych", "import-hub", folder.name],
    )
    return config.method.name


def _record(path: Path) -> Mapping[str, Any]:
    try:
        record = parse_json(read_record(path, most=LARGEST_RECORD))
    except (RecordError, OSError) as error:
        raise ConfigError(_FIELD, str(path), f"cannot be read ({error}).") from error
    if not isinstance(record, dict) or record.get("library_name") != "diptych":
        raise ConfigError(_FIELD, str(path), "is not of `diptych export --format hub`; give the folder that it wrote.")
    if record.get("format") != FORMAT:
        raise ConfigError(_FIELD, str(path), f"has format {record.get('format')!r:.20}; this version reads {FORMAT}.")
    return record


def _weights(path: Path) -> dict[str, Tensor]:
    try:
        return read_weights(path)
    except ValueError as error:
        raise ConfigError(_FIELD, str(path), f"is damaged ({error}): fetch it again.") from error
