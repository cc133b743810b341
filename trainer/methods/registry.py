"""The methods: each is a folder here, and nothing else lists them.

`NAME/config.py` holds its section, a subclass of `MethodConfig` whose `name` is the folder's; `NAME/method.py` the
function `build(config, task)`. Imports no torch before one is built: sections are read on the command line.
"""

import pkgutil
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import trainer.methods
from sharding.storage.typed import adapter_of
from trainer.config.adapters import read_values
from trainer.config.errors import ConfigError
from trainer.config.method import MethodConfig, Task

if TYPE_CHECKING:
    from trainer.methods.base import Method

_SHARED = "shared"


def method_names() -> list[str]:
    """All methods, e.g. `cyclegan`, in alphabetical order."""
    folders = pkgutil.iter_modules(trainer.methods.__path__)
    return sorted(folder.name for folder in folders if folder.ispkg and folder.name != _SHARED)


def config_class(name: object) -> type[MethodConfig]:
    """The section of a method. Raises ConfigError with the nearest names if there is none of this name."""
    names = method_names()
    if not isinstance(name, str) or name not in names:
        near = get_close_matches(str(name), names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigError("method.name", name, f"{hint}there are: {', '.join(names)}.")
    return _section(name)


def parse_method(values: Any) -> MethodConfig:
    """A section from plain JSON values. Raises ConfigError naming the first field that is unknown or impossible."""
    if isinstance(values, MethodConfig):
        return values
    if not isinstance(values, dict):
        raise ConfigError("method", values, "must be a section with a name and the fields of that method.")
    return read_values(config_class(values.get("name")), values, within="method")


def dump_method(config: MethodConfig) -> dict[str, Any]:
    """All fields of a section as plain JSON values, whatever it is declared as; `parse_method` is the inverse."""
    return adapter_of(type(config)).dump_python(config, mode="json")


def build_method(config: MethodConfig, task: Task) -> "Method":
    """A method with freshly drawn weights; seed torch before. Raises ConfigError where data and section do not fit."""
    config.check_shapes(task)
    return import_module(f"{trainer.methods.__name__}.{config.name}.method").build(config, task)


@cache
def _section(name: str) -> type[MethodConfig]:
    module = import_module(f"{trainer.methods.__name__}.{name}.config")
    kinds = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, MethodConfig)]
    own = [kind for kind in kinds if kind.__module__ == module.__name__]
    assert len(own) == 1, f"{module.__name__} must have one subclass of MethodConfig; it has {len(own)}"
    return own[0]
