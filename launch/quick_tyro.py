"""tyro without what only help needs, and without typeguard: a mistake on the command line is answered in half the time.

tyro reads the docstrings of all sections for help that nobody asked for, by the source of each; and it asks typeguard
for `Path | None`, though not for `Optional[Path]`, with asyncio and unittest behind it. It has no setting for either:
two functions of its own are replaced, if it has them as in the version of the lock, which others may not install.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from types import UnionType
from typing import Any, get_args, get_origin

_parsers: Any = None
_resolver: Any = None
with suppress(ImportError):
    _parsers, _resolver = (import_module(f"tyro.{name}") for name in ("_parsers", "_resolver"))
_asks_typeguard = getattr(_resolver, "is_instance", None)
_described = getattr(getattr(_parsers, "ParserSpecification", None), "from_callable_or_type", None)


@contextmanager
def quick_tyro(*, is_help: bool) -> Iterator[None]:
    """Within it command lines are read quickly. Messages stay as they are, help too, if `is_help` says that it is."""
    if _asks_typeguard is None or _described is None:
        yield
        return
    specification = _parsers.ParserSpecification
    _resolver.is_instance = fits
    if not is_help:
        specification.from_callable_or_type = staticmethod(_undescribed(_described))
    try:
        yield
    finally:
        _resolver.is_instance = _asks_typeguard
        specification.from_callable_or_type = staticmethod(_described)


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
    if origin is tuple and isinstance(value, tuple) and within[1:] == (...,):
        return all(fits(within[0], each) for each in value)
    if origin is tuple and isinstance(value, tuple) and len(within) == len(value):
        return all(map(fits, within, value))
    if origin is dict and isinstance(value, dict):
        return all(fits(within[0], key) and fits(within[1], each) for key, each in value.items())
    assert _asks_typeguard is not None
    return _asks_typeguard(kind, value)
