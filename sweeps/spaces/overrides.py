"""Changes to a configuration by the dotted paths of the command line: what differs between the trials of a sweep.

`--method.weight-l1` is the path `method.weight_l1`. Imports neither ray nor torch.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from trainer.config.errors import ConfigError
from trainer.runs.config import RunConfig, config_from_dict, config_to_dict, flatten

Overrides = Mapping[str, Any]
"""Dotted path -> value."""


def apply(config: RunConfig, overrides: Overrides) -> RunConfig:
    """The configuration with other values at some paths.

    Raises:
        ConfigError: there is no such path, or the value is impossible there.
    """
    values = config_to_dict(config)
    known = flatten(values)
    for path, value in overrides.items():
        if path not in known:
            raise ConfigError(path, value, unknown(path, known))
        section, _, name = path.rpartition(".")
        _section(values, section)[name] = value
    return config_from_dict(values)


def as_flags(overrides: Overrides) -> list[str]:
    """Arguments of `diptych train` that set these paths."""
    flags: list[str] = []
    for path, value in overrides.items():
        section, _, name = path.replace("_", "-").rpartition(".")
        if isinstance(value, bool):
            flags.append(f"--{section}.{'' if value else 'no-'}{name}")
        else:
            values = value if isinstance(value, list | tuple) else [value]
            flags += [f"--{section}.{name}", *map(str, values)]
    return flags


def unknown(path: str, known: Mapping[str, Any]) -> str:
    """What to say of a path that is none of a configuration's, whose values by their paths are `known`."""
    fields = [field for field in known if field.startswith(f"{path}.")]
    if fields:
        return f"is a section; its fields: {', '.join(fields)}."
    near = get_close_matches(path, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "`diptych train --help` shows all."
    return f"the configuration has no such field; {hint}"


def _section(values: dict[str, Any], path: str) -> dict[str, Any]:
    for name in path.split("."):
        values = values[name]
    return values
