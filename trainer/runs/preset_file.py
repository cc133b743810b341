"""Presets as files: the configuration in the form of a run.json, whose other entries do not matter."""

from pathlib import Path

from sharding.storage.records import MEBIBYTE, RecordError, read_record
from trainer.config.errors import ConfigError
from trainer.runs import formats
from trainer.runs.config import RunConfig, config_from_dict, config_to_dict

_SUFFIX = ".json"
_LONGEST_ABOUT = 2000  # characters


def is_preset_file(preset: str) -> bool:
    """Whether what stands for a preset is the path of a file."""
    return preset.endswith(_SUFFIX)


def whole_path(preset: str) -> str:
    """The path of a file from the root, so that it is found wherever a sweep over it is continued; or the name."""
    return str(Path(preset).absolute()) if is_preset_file(preset) else preset


def preset_title(preset: str) -> str:
    """What folders of a preset's runs are called: its name, or that of its file's folder and the file."""
    path = Path(preset)
    return f"{path.absolute().parent.name}-{path.stem}" if is_preset_file(preset) else preset


def read_preset_file(path: Path) -> tuple[str, RunConfig]:
    """What the file says of itself, and its configuration.

    Raises:
        ConfigError: there is no such file, it is damaged, or its configuration is impossible.
    """
    try:
        record = formats.RUN.read(read_record(path, most=MEBIBYTE), path=path)
        values, about = record.get("config"), record.get("about", "")
        if not isinstance(values, dict) or not isinstance(about, str):
            raise RecordError("has no configuration (config), or says of itself (about) what is no text")
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError("preset", str(path), "is not there; `diptych sweep best` writes such files.") from None
    except RecordError as error:
        raise ConfigError(
            "preset", str(path), f"{error}; give a preset's name, or a file with a run's configuration."
        ) from error
    return about[:_LONGEST_ABOUT], config_from_dict(values)


def write_preset_file(path: Path, config: RunConfig, *, about: str) -> None:
    """Write a configuration, whole or not at all, so that commands take the file for a preset."""
    formats.RUN.write(path, {"about": about, "config": config_to_dict(config)})
