"""tyro without what only help needs, and without typeguard: a mistake on the command line is answered in half the time.

tyro reads the docstrings of all sections for help that nobody asked for, by the source of each, thrice; and it asks
typeguard for `Path | None`, though not for `Optional[Path]`, with asyncio and unittest behind it. It has no setting for
these: functions of its own are replaced, if it has them as in the version of the lock, which others may not install.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from types import UnionType
from typing import Any, get_args, get_origin

from launch.quick_docstrings import quick_description, quick_field_docstring

_parsers: Any = None
_resolver: Any = None
_docstrings: Any = None
_strings: Any = None
with suppress(ImportError):
    _parsers, _resolver = (import_module(f"tyro.{name}") for name in ("_parsers", "_resolver"))
    _docstrings, _strings = (import_module(f"tyro.{name}") for name in ("_docstrings", "_strings"))
_asks_typeguard = getattr(_resolver, "is_instance", None)
_described = getattr(getattr(_parsers, "ParserSpecification", None), "from_callable_or_type", None)
_field_docstring = getattr(_docstrings, "get_field_docstring", None)
_description = getattr(_docstrings, "get_callable_description", None)
_cleaners = tuple(getattr(_strings, name, None) for name in ("remove_single_line_breaks", "dedent"))
_KNOWN = (_asks_typeguard, _described, _field_docstring, _description, *_cleaners)


@contextmanager
def quick_tyro(*, is_help: bool) -> Iterator[None]:
    """Within it command lines are read quickly. Messages stay as they are, help too, if `is_help` says that it is."""
    if None in _KNOWN:
        yield
        return
    assert _described is not None
    specification = _parsers.ParserSpecification
    _resolver.is_instance = fits
    _docstrings.get_field_docstring, _docstrings.get_callable_description = _said_of_field, _said_of_section
    if not is_help:
        specification.from_callable_or_type = staticmethod(_undescribed(_described))
    try:
        yield
    finally:
        _resolver.is_instance = _asks_typeguard
        _docstrings.get_field_docstring, _docstrings.get_callable_description = _field_docstring, _description
        specification.from_callable_or_type = staticmethod(_described)


def _said_of_field(kind: Any, name: str, markers: tuple[Any, ...]) -> str | None:
    assert _field_docstring is not None
    return quick_field_docstring(kind, name, clean=_clean, otherwise=partial(_field_docstring, kind, name, markers))


def _said_of_section(kind: Any) -> str:
    assert _description is not None
    return quick_description(kind, otherwise=partial(_description, kind))


def _clean(text: str) -> str:
    for clean in _cleaners:
        assert clean is not None
        text = clean(text)
    return text.strip()


def _undescribed(described: Callable[..., Any]) -> Callable[..., Any]:
    def undescribed(*arguments: Any, **options: Any) -> Any:
        if "description" in options:
            options["description"] = ""  # of a section; options keep theirs, for errors
        return described(*arguments, **options)

    return undescribed


def fits(kind: Any, value: Any) -> bool:
    """Whether a value is of a type, as typeguard sees it; which looks at the first of several alone."""
    origin, within = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return any(fits(each, value) for each in within)
    if origin is tuple and within[1:] == (...,):
        return isinstance(value, tuple) and all(fits(within[0], each) for each in value)
    if origin is tuple and within:
        return isinstance(value, tuple) and len(within) == len(value) and all(map(fits, within, value))
    if origin is dict:
        return isinstance(value, dict) and all(
            fits(within[0], key) and fits(within[1], each) for key, each in value.items()
        )
    assert _asks_typeguard is not None
    return _asks_typeguard(kind, value)
