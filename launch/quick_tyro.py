"""tyro without what only help needs, and without typeguard: a mistake on the command line is answered in half the time.

tyro reads the docstrings of all sections for help that nobody asked for, by the source of each; and it asks typeguard
for `Path | None`, though not for `Optional[Path]`, with asyncio and unittest behind it. It has no setting for either.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import UnionType
from typing import Any, get_args, get_origin

from tyro import _parsers, _resolver

_asks_typeguard = _resolver.is_instance


@contextmanager
def quick_tyro(*, is_help: bool) -> Iterator[None]:
    """Within it command lines are read quickly. Messages stay as they are, help too, if `is_help` says that it is."""
    specification = _parsers.ParserSpecification
    described = specification.from_callable_or_type
    _resolver.is_instance = fits
    if not is_help:
        specification.from_callable_or_type = staticmethod(_undescribed(described))
    try:
        yield
    finally:
        _resolver.is_instance = _asks_typeguard
        specification.from_callable_or_type = staticmethod(described)


def _undescribed(described: Callable[..., Any]) -> Callable[..., Any]:
    def undescribed(*arguments: Any, **options: Any) -> Any:
        return described(*arguments, **{**options, "description": ""})  # of a section; options keep theirs, for errors

    return undescribed


def fits(kind: Any, value: Any) -> bool:
    """Whether a value is of a type, as typeguard sees it; which looks at the first of several alone."""
    origin, within = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return any(fits(each, value) for each in within)
    if origin is tuple and isinstance(value, tuple) and within[1:] == (...,):
        return all(fits(within[0], each) for each in value)
    if origin is tuple and isinstance(value, tuple) and len(within) == len(value):
        return all(map(fits, within, value))
    if origin is dict and isinstance(value, dict):
        return all(fits(within[0], key) and fits(within[1], each) for key, each in value.items())
    return _asks_typeguard(kind, value)
