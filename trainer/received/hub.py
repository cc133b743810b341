"""The run around a folder that `diptych export --format hub` wrote, by whomever it was passed on."""

from pathlib import Path

from torch import Tensor

from sharding.errors import DatasetError
from sharding.format.manifest_file import parse_description
from trainer.config.errors import ConfigError
from trainer.exports.hub import read_weights
from trainer.received.hub_record import CONFIG, FIELD, read_hub_record
from trainer.received.run import NO_DATA, write_received
from trainer.runs.config import config_from_dict


def write_from_hub(folder: Path, out: Path) -> str:
    """Write the run. Returns the method's name.

    Raises:
        ConfigError: the folder is none of ours, a later version made it, or it is damaged.
    """
    path = folder / CONFIG
    record = read_hub_record(path)
    try:
        data = {**record["data"], "path": str(NO_DATA)}
        config = config_from_dict({"method": record["method"], "data": data, "evaluate": {"encoder": "none"}})
        manifest = parse_description(record["dataset"], path=str(path))
        position, preset = int(record["position"]), str(record["preset"])[:200]
    except (KeyError, TypeError, ValueError, DatasetError) as error:
        raise ConfigError(FIELD, str(path), f"is damaged ({error!s:.200}): export the run again.") from error
    if not 0 <= position < 10**15:
        raise ConfigError(FIELD, str(path), f"has position = {position}, which is no number of images.")
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


def _weights(path: Path) -> dict[str, Tensor]:
    try:
        return read_weights(path)
    except ValueError as error:
        raise ConfigError(FIELD, str(path), f"is damaged ({error}): fetch it again.") from error
