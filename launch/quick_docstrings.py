"""What help says of options and sections, read from their sources once for each file; tyro reads them thrice per class.

Only what is plain is read here: attribute docstrings, and class docstrings of paragraphs alone. All else is left to
tyro's own functions, whose answers these have for the rest.
"""

import ast
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

_SECTIONED = re.compile(r"^\s*[:@]|:\s*$|^\s*[-=~^]{3,}\s*$", re.MULTILINE)
"""Lines by which docstrings of any style tell of arguments: `Args:`, `:param`, `@param`, a title underlined."""


@dataclass(frozen=True)
class _Class:
    """What the source of a class says of its fields."""

    docstrings: Mapping[str, str]
    may_have_comments: Mapping[str, bool]
    """Each field: whether there is a comment at it, or above it and below what is no field."""


def quick_field_docstring(
    kind: Any, name: str, *, clean: Callable[[str], str], otherwise: Callable[[], str | None]
) -> str | None:
    """The docstring below a field of a class, or of one that it is derived from, as tyro would give it.

    Args:
        clean: what tyro does to docstrings.
        otherwise: tyro's own way.
    """
    if not inspect.isclass(kind):
        return otherwise()
    is_commented: bool | None = None
    for each in kind.__mro__:
        if each.__module__ == "builtins":
            continue
        read = _read(each)
        if read is None:
            return otherwise()
        if name in read.docstrings:
            return clean(read.docstrings[name])
        if is_commented is None:
            is_commented = read.may_have_comments.get(name)
    return None if is_commented is False else otherwise()


def quick_description(kind: Any, *, otherwise: Callable[[], str]) -> str:
    """The docstring of a class, as tyro would give it."""
    text = kind.__doc__ if inspect.isclass(kind) else None
    if not text or text.startswith(f"{kind.__name__}(") or _SECTIONED.search(text):  # the second is dataclass's own
        return otherwise()
    first, _, rest = inspect.cleandoc(text).partition("\n")
    if not first or (rest and not rest.strip()):
        return otherwise()
    blank = "\n" if rest.startswith("\n") else ""
    return f"{first}\n{blank}{rest.strip()}" if rest else first


@cache
def _read(kind: type) -> _Class | None:
    """None of a class that tyro is to read itself."""
    if "." in kind.__qualname__ or _SECTIONED.search(kind.__doc__ or ""):
        return None
    source, classes = _parsed(kind.__module__)
    node = classes.get(kind.__name__)
    if node is None:
        return None
    return _Class(_attribute_docstrings(node), _commented(node, source))


@cache
def _parsed(module: str) -> tuple[list[str], dict[str, ast.ClassDef]]:
    """The lines of a module, and its classes, but for those of which it has two by one name."""
    try:
        source = inspect.getsource(sys.modules[module])
    except (OSError, TypeError, KeyError):
        return [], {}
    nodes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    names = [node.name for node in nodes]
    return source.splitlines(), {node.name: node for node in nodes if names.count(node.name) == 1}


def _attribute_docstrings(node: ast.ClassDef) -> dict[str, str]:
    docstrings = {}
    for before, after in pairwise(node.body):
        name, value = _field(before), after.value if isinstance(after, ast.Expr) else None
        if name and isinstance(value, ast.Constant) and isinstance(value.value, str):
            docstrings[name] = value.value
    return docstrings


def _commented(node: ast.ClassDef, source: list[str]) -> dict[str, bool]:
    commented, above = {}, node.lineno
    for each in node.body:
        end = each.end_lineno or each.lineno
        if name := _field(each):
            commented[name] = any("#" in line for line in source[above:end])
        else:
            above = end
    return commented


def _field(node: ast.stmt) -> str:
    """The name that a statement gives a value or a type to; empty if it does neither."""
    target = node.target if isinstance(node, ast.AnnAssign) else None
    if isinstance(node, ast.Assign):
        target = node.targets[0]
    return target.id if isinstance(target, ast.Name) else ""
