"""What sections of a configuration have in common: they are frozen, know all of their fields, and are checked in place.

A section does not know where in the configuration it stands: `check_section` goes through the whole, and names each
error by its path. So one kind of section can stand in several places, under whatever names.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar, TypeVar, get_type_hints

from trainer.config.bounds import Bound
from trainer.config.errors import ConfigError

_Extra = TypeVar("_Extra")


@dataclass(frozen=True, kw_only=True)
class Section:
    """Some fields of a configuration, with their bounds in their annotations; other sections may be among them."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}  # an unknown field in run.json is an error

    def check_fields(self) -> None:
        """Raise ConfigError where fields contradict each other, naming one as it is called here. Bounds hold already.

        Extend it where bounds do not say all.
        """


def check_section(section: Section, path: str = "") -> None:
    """Check all fields of a section and of those within it, each section's own before what it says of them together.

    Args:
        path: where the section stands in the configuration, e.g. `method.generator`; the whole has none.

    Raises:
        ConfigError: a value is out of its bounds, or contradicts another; names it by its whole path.
    """
    check_bounds(section, path)
    for name in annotations_of(type(section)):
        value = getattr(section, name)
        if isinstance(value, Section):
            check_section(value, _join(path, name))
        elif isinstance(value, Mapping):
            for key, part in value.items():
                if isinstance(part, Section):
                    check_section(part, _join(path, f"{name}.{key}"))
    try:
        section.check_fields()
    except ConfigError as error:
        raise _within(path, error) from None


def check_bounds(values: Any, path: str = "") -> None:
    """Check the fields of a dataclass, a section or not, against the bounds in their annotations.

    Raises:
        ConfigError: a value is out of its bounds.
    """
    for name, bounds in _bounds(type(values)).items():
        value = getattr(values, name)
        for bound in bounds:
            if not bound.fits(value):
                raise ConfigError(_join(path, name), value, bound.remedy)


@contextmanager
def within(path: str) -> Iterator[None]:
    """Let errors that name a field of a section name it by its whole path."""
    try:
        yield
    except ConfigError as error:
        raise _within(path, error) from None


def _within(path: str, error: ConfigError) -> ConfigError:
    return ConfigError(_join(path, error.name), error.value, error.remedy)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


@cache
def _bounds(kind: type[Any]) -> dict[str, tuple[Bound, ...]]:
    """The bounds of each field that has any, in the order of the fields."""
    found = ((name, found_in(hint, Bound)) for name, hint in annotations_of(kind).items())
    return {name: bounds for name, bounds in found if bounds}


@cache
def annotations_of(kind: type[Any]) -> dict[str, Any]:
    """The annotation of each field of a dataclass, with all that stands in it beside the type."""
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in fields(kind)}


def found_in(hint: object, wanted: type[_Extra]) -> tuple[_Extra, ...]:
    """What of a kind stands in an annotation beside the type, in its order."""
    return tuple(extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, wanted))
