"""A user's own function that scores images: found, called, and its errors told with their place. Imports no torch."""

import importlib
import inspect
import math
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from trainer.config.errors import ConfigError

_FORM = "use MODULE:FUNCTION, or MODULE:FUNCTION:lower where less is better"


@dataclass(frozen=True, kw_only=True)
class OwnFunction:
    """A function `FUNCTION(fake, real)` or, of sets, `FUNCTION(fakes, reals)`."""

    field: str
    """Of the option that names it."""
    spec: str
    function: Callable[..., Any]
    name: str
    better: Literal["higher", "lower"]
    takes_mask: bool
    """It has a parameter `mask`."""

    def __call__(self, *arguments: Any, of: str, **named: Any) -> dict[str, float]:
        """Its scores by name: those of a mapping that it returns, or the one number under the function's own.

        Args:
            of: what it is called for, for messages.

        Returns:
            Nothing where it returned None: there, it says, the score is undefined.

        Raises:
            ConfigError: it raised, or returned something else.
        """
        try:
            returned = self.function(*arguments, **named)
        except Exception as error:
            raise ConfigError(self.field, self.spec, f"{_raised(error)}, called for {of}.") from error
        if returned is None:
            return {}
        values = returned if isinstance(returned, Mapping) else {self.name: returned}
        found = {}
        for name, value in values.items():
            try:
                found[str(name)] = float(value)
            except (TypeError, ValueError):
                found[str(name)] = math.nan
            if not math.isfinite(found[str(name)]):
                reason = (
                    f"returned {value!r} for {of}; return a finite number, None, or a mapping from names to numbers."
                )
                raise ConfigError(self.field, self.spec, reason)
        return found

    def key(self, name: str) -> str:
        """What the catalogue calls one of its scores."""
        return f"own/{name}" if self.better == "higher" else f"own_less/{name}"


def find_function(spec: str, *, field: str) -> OwnFunction:
    """Import a module, of the current folder or installed, and take a function of it.

    Raises:
        ConfigError: there is no such module or function, or importing raises.
    """
    module_name, _, rest = spec.partition(":")
    name, _, direction = rest.partition(":")
    if not module_name or not name.isidentifier() or direction not in ("", "lower", "higher"):
        raise ConfigError(field, spec, f"{_FORM}.")
    module = _import(module_name, spec, field)
    function = getattr(module, name, None)
    if not callable(function):
        own = [key for key, value in vars(module).items() if inspect.isfunction(value) and not key.startswith("_")]
        raise ConfigError(
            field, spec, f"{module.__file__} has no function {name!r}; it has: {', '.join(own) or 'none'}."
        )
    parameters = inspect.signature(function).parameters
    return OwnFunction(
        field=field,
        spec=spec,
        function=function,
        name=name,
        better="lower" if direction == "lower" else "higher",
        takes_mask="mask" in parameters,
    )


def _import(module_name: str, spec: str, field: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name not in (module_name, module_name.partition(".")[0]):
            raise ConfigError(field, spec, f"{_raised(error)}, when it was imported.") from error
        raise ConfigError(
            field, spec, f"there is no module {module_name!r} in {here} or among the installed packages; {_FORM}."
        ) from error
    except Exception as error:
        raise ConfigError(field, spec, f"{_raised(error)}, when it was imported.") from error


def _raised(error: Exception) -> str:
    """`raised ValueError('...') in quality.py, line 12`: the innermost line that is no library."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = str(Path(__file__).resolve().parent)
    theirs = [f for f in frames if not f.filename.startswith((ours, "<")) and "site-packages" not in f.filename]
    place = next((f for f in reversed(theirs) if "importlib" not in f.filename), frames[-1])
    return f"raised {error!r} in {place.filename}, line {place.lineno}"
