"""Presets: a method on a data set. A file's docstring gives command, hardware, time and score.

A file holds one preset, the function `preset`; or several that differ in little, `presets`: for `pix2pix_losses.py`
with `{"l1": ...}` the preset `pix2pix-losses-l1`, and `TASKS`, `{"l1": "..."}`, tells what each learns where the names
of views do not. The path of a JSON file with a configuration, such as `sweep-runs/NAME/best.json` or a run.json, is
taken for a preset, too.
"""

import importlib
import pkgutil
import re
from collections.abc import Mapping
from dataclasses import dataclass
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
    return _variants(module)[name.removeprefix(_name(module)).removeprefix("-")]


def describe_preset(name: str) -> str:
    """The docstring of the preset's file, or what a JSON file says of itself. Raises as `load_preset`."""
    if is_preset_file(name):
        return read_preset_file(Path(name))[0] or f"The configuration of {name}."
    return (_module(name).__doc__ or "").strip()


@dataclass(frozen=True)
class Family:
    """The presets of one file."""

    title: str
    """The first sentence of its docstring."""
    presets: tuple[str, ...]
    tasks: Mapping[str, str]
    """What each learns, in a few words, where the names of its views do not say it: `TASKS` of the file."""


def family_of(name: str) -> Family:
    """The family of a preset, by its name. Raises as `load_preset`."""
    module = _module(name)
    tasks = {f"{_name(module)}-{variant}": task for variant, task in getattr(module, "TASKS", {}).items()}
    presets = tuple(sorted(other for other, its in _modules().items() if its is module))
    text = " ".join((module.__doc__ or "").split("\n\n")[0].split())
    title = re.split(r"(?<=[.;]) (?=[^\d])", text, maxsplit=1)[0].rstrip(".;")
    return Family(title=title, presets=presets, tasks=tasks)


def _module(name: str) -> ModuleType:
    """The file of a preset: looked for by its name first, as reading all of them takes longer than most commands."""
    for info in pkgutil.iter_modules(__path__):
        own = info.name.replace("_", "-")
        if name == own or name.startswith(f"{own}-"):
            module = importlib.import_module(f"{__name__}.{info.name}")
            if name.removeprefix(own).removeprefix("-") in _variants(module):
                return module
    modules = _modules()
    if name not in modules:
        near = get_close_matches(name, modules, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigError("preset", name, f"{hint}there are: {', '.join(sorted(modules))}.")
    return modules[name]


@cache
def _modules() -> dict[str, ModuleType]:
    """The file of each preset."""
    modules: dict[str, ModuleType] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for name in (f"{_name(module)}-{variant}".rstrip("-") for variant in _variants(module)):
            # `x.py` with a variant `y-z` and `x_y.py` with `z`: one would hide the other.
            assert name not in modules, f"two files have a preset {name!r}: {modules[name].__name__}, {module.__name__}"
            modules[name] = module
    return modules


@cache
def _variants(module: ModuleType) -> dict[str, RunConfig]:
    """The configurations of a file: of one that holds one preset, that of the name ""."""
    return {"": module.preset()} if hasattr(module, "preset") else module.presets()


def _name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2].replace("_", "-")
