"""Sections made small: for the trials of a sweep, which are many, and for tests."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Protocol, Self, TypeVar, runtime_checkable

Limits = Mapping[str, float]
"""Name of a field, e.g. `num_filters` -> its largest value, in whatever section it is."""

_Section = TypeVar("_Section")


@runtime_checkable
class SaysHowItShrinks(Protocol):
    """A section that knows better than `shrink_fields` how it becomes small."""

    def small(self, most: Limits) -> Self:
        """The same section with no number above those of `most`, and whatever follows from that."""
        ...


def shrink(section: _Section, most: Limits) -> _Section:
    """The section as it says itself by its method `small`, else by `shrink_fields`."""
    return section.small(most) if isinstance(section, SaysHowItShrinks) else shrink_fields(section, most)


def shrink_fields(section: _Section, most: Limits) -> _Section:
    """The section with no number above those of `most`, in whatever depth; numbers below them stay."""
    changes: dict[str, Any] = {}
    for field in fields(section):  # pyright: ignore[reportArgumentType]  sections are dataclasses
        value = getattr(section, field.name)
        if is_dataclass(value):
            changes[field.name] = shrink(value, most)
        elif field.name in most:
            changes[field.name] = min(value, most[field.name])
    return replace(section, **changes)  # pyright: ignore[reportArgumentType]
