"""Presets: a method on a data set, one per file. The file's docstring gives command, hardware, time and score."""

import importlib
import pkgutil
from difflib import get_close_matches

from trainer.config import ConfigError, RunConfig

DEFAULT = "earth-relief2satellite"


def preset_names() -> list[str]:
    """All presets, e.g. `earth-relief2satellite` for `earth_relief2satellite.py`."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def load_preset(name: str) -> RunConfig:
    """Raises ConfigError with the nearest names if there is no such preset."""
    return _module(name).preset()


def describe_preset(name: str) -> str:
    """The preset's docstring."""
    return (_module(name).__doc__ or "").strip()


def _module(name: str):  # noqa: ANN202
    names = preset_names()
    if name not in names:
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigError("preset", name, f"{hint}there are: {', '.join(names)}.")
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
