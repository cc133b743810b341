"""Presets: a method on a data set. A file's docstring gives command, hardware, time and score.

A file holds one preset, the function `preset`; or several that differ in little, `presets`: for `pix2pix_losses.py`
with `{"l1": ...}` the preset `pix2pix-losses-l1`. The path of a JSON file with a configuration, such as
`sweep-runs/NAME/best.json` or a run.json, is taken for a preset, too.
"""

import importlib
import pkgutil
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import ModuleType

from trainer.config.errors import ConfigError
from trainer.runs.config import RunConfig
from trainer.runs.preset_file import is_preset_file, read_preset_file

DEFAULT = "earth-relief2satellite"


def preset_names() -> list[str]:
    """All presets, e.g. `earth-relief2satellite` for `earth_relief2satellite.py`."""
    return sorted(_modules())


def load_preset(name: str) -> RunConfig:
    """Raises ConfigError with the nearest names if there is no such preset, or what is wrong with the file."""
    if is_preset_file(name):
        return read_preset_file(Path(name))[1]
    module = _module(name)
    if hasattr(module, "preset"):
        return module.preset()
    return module.presets()[name.removeprefix(f"{_name(module)}-")]


def describe_preset(name: str) -> str:
    """The docstring of the preset's file, or what a JSON file says of itself. Raises as `load_preset`."""
    if is_preset_file(name):
        return read_preset_file(Path(name))[0] or f"The configuration of {name}."
    return (_module(name).__doc__ or "").strip()


def _module(name: str) -> ModuleType:
    modules = _modules()
    if name not in modules:
        near = get_close_matches(name, modules, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigError("preset", name, f"{hint}there are: {', '.join(sorted(modules))}.")
    return modules[name]


@cache
def _modules() -> dict[str, ModuleType]:
    """The file of each preset; read once, since every variant of it is built to learn its name."""
    modules: dict[str, ModuleType] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        variants = [""] if hasattr(module, "preset") else [f"-{variant}" for variant in module.presets()]
        for name in (f"{_name(module)}{variant}" for variant in variants):
            # `x.py` with a variant `y-z` and `x_y.py` with `z`: one would hide the other.
            assert name not in modules, f"two files have a preset {name!r}: {modules[name].__name__}, {module.__name__}"
            modules[name] = module
    return modules


def _name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2].replace("_", "-")
