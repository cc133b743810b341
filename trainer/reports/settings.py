"""The configuration of a run as its report shows it: which fields are not as its preset has them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainer.config.errors import ConfigError
from trainer.presets import load_preset
from trainer.runs.config import config_to_dict, flatten
from trainer.runs.preset_file import is_preset_file


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A field of the configuration."""

    name: str
    value: str
    preset: str | None = None
    """What the preset has in its place, if that is something else; empty if it has no such field."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All fields, in the order of run.json."""

    fields: list[Setting]
    is_compared: bool
    """Whether this version has the preset."""

    @property
    def differing(self) -> list[Setting]:
        """Those that are not as the preset has them."""
        return [field for field in self.fields if field.preset is not None]

    @property
    def title(self) -> str:
        """What is to be said before they are read."""
        if not self.is_compared:
            return "Configuration"
        number = len(self.differing)
        are = "is" if number == 1 else "are"
        return f"Configuration: {number or 'none'} of {len(self.fields)} fields {are} not as in the preset"


def read_settings(record: Mapping[str, Any]) -> Settings:
    """Those of a run.json."""
    known = _of_preset(record["preset"])
    fields = [
        Setting(name=name, value=_shown(value), preset=_other(name, value, known))
        for name, value in flatten(record["config"]).items()
    ]
    return Settings(fields=fields, is_compared=known is not None)


def _of_preset(name: str) -> Mapping[str, Any] | None:
    """None where this version has no such preset. A file's path is not followed: the run may be a stranger's."""
    if is_preset_file(name):
        return None
    try:
        return flatten(config_to_dict(load_preset(name)))
    except ConfigError:
        return None


def _other(name: str, value: Any, known: Mapping[str, Any] | None) -> str | None:
    if known is None or (name in known and known[name] == value):
        return None
    return _shown(known[name]) if name in known else ""


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | bool | None) else str(value)
