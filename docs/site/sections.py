"""Sections of a configuration as tables: each field with its flag, what it can be, its default and what it means."""

import dataclasses
import typing
from collections.abc import Iterator
from dataclasses import MISSING
from pathlib import Path
from typing import Any

from docs.site.sources import field_docs
from sweeps.spaces.text import show_domain
from trainer.config.bounds import AtLeast, Bound, MoreThan
from trainer.config.domains import Domain, Factor, Searched
from trainer.config.section import Section, annotations_of, found_in

_HEAD = "| field | can be | default | sweeps try | |\n|---|---|---|---|---|\n"


def table_of(kind: type[Section]) -> str:
    """The fields of a section but for the sections within it."""
    rows = "".join(_row(kind, field) for field in dataclasses.fields(kind) if _inner(kind, field.name) is None)
    return _HEAD + rows if rows else "No fields of its own.\n"


def inner_sections(kind: type[Section]) -> dict[str, type[Section]]:
    """The sections within a section, by the names of their fields."""
    found = {field.name: _inner(kind, field.name) for field in dataclasses.fields(kind)}
    return {name: inner for name, inner in found.items() if inner is not None}


def all_inner(kinds: list[type[Section]]) -> Iterator[type[Section]]:
    """Sections and those within them, each once."""
    seen: list[type[Section]] = []
    todo = list(kinds)
    while todo:
        kind = todo.pop(0)
        if kind not in seen:
            seen.append(kind)
            yield kind
            todo += inner_sections(kind).values()


def _inner(kind: type[Section], name: str) -> type[Section] | None:
    hint = _plain(annotations_of(kind)[name])
    return hint if isinstance(hint, type) and issubclass(hint, Section) else None


def _row(kind: type[Section], field: dataclasses.Field[Any]) -> str:
    hint = annotations_of(kind)[field.name]
    cells = (f"`{field.name}`", _type(hint), _default(field), _searched(hint), field_docs(kind).get(field.name, ""))
    return "| " + " | ".join(" ".join(cell.split()).replace("|", r"\|") for cell in cells) + " |\n"


def _plain(hint: Any) -> Any:
    return hint.__origin__ if hasattr(hint, "__metadata__") else hint


def _type(hint: Any) -> str:
    plain = _plain(hint)
    if typing.get_origin(plain) is typing.Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(plain))
    name = plain.__name__ if isinstance(plain, type) else str(plain).replace("typing.", "")
    return " ".join([f"`{name}`", *(text for bound in found_in(hint, Bound) if (text := _bound(bound)))])


def _bound(bound: Bound) -> str:
    match bound:
        case AtLeast():
            ends = [f"from {bound.least:g}"]
            ends += [f"to {bound.most:g}"] if bound.most < float("inf") else []
            return " ".join([*ends, f"below {bound.below:g}"] if bound.below < float("inf") else ends)
        case MoreThan():
            return f"above {bound.low:g}" + (f" to {bound.most:g}" if bound.most < float("inf") else "")
    return ""


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is MISSING and field.default_factory is MISSING:
        return "must be given"
    value = field.default_factory() if field.default_factory is not MISSING else field.default
    return f"`{value}`" if isinstance(value, str | Path) else f"`{value!r}`"


def _searched(hint: Any) -> str:
    for searched in found_in(hint, Searched):
        if isinstance(searched.domain, Domain):
            return f"`{show_domain(searched.domain)}`"
        if isinstance(searched.domain, Factor):
            return f"up to {searched.domain.factor:g} times less or more"
        return "half, the same, double"
    return ""
