"""What Python files say of themselves, read from their text: nothing is imported, so torch is not."""

import ast
import inspect
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Described:
    """A function or a class: its name, its arguments as they are written, and its docstring."""

    name: str
    signature: str
    text: str
    members: tuple["Described", ...] = ()
    """Of a class: its public methods and properties that have a docstring."""


@dataclass(frozen=True)
class Module:
    """A Python file."""

    name: str
    text: str
    classes: tuple[Described, ...]
    functions: tuple[Described, ...]


@cache
def module_of(path: Path) -> Module:
    """What is public in a file, in its order, and has a docstring."""
    tree = ast.parse(path.read_text())
    name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    kinds = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return Module(
        name=name,
        text=ast.get_docstring(tree) or "",
        classes=tuple(described for node in kinds if (described := _class(node))),
        functions=tuple(described for node in functions if (described := _function(node))),
    )


def _class(node: ast.ClassDef) -> Described | None:
    functions = [part for part in node.body if isinstance(part, ast.FunctionDef)]
    members = tuple(described for part in functions if (described := _function(part)))
    makers = [part.args for part in functions if part.name == "__init__"]
    signature = f"({_without_self(makers[0])})" if makers else ""
    text = ast.get_docstring(node)
    return None if text is None or node.name.startswith("_") else Described(node.name, signature, text, members)


def _function(node: ast.FunctionDef) -> Described | None:
    text = ast.get_docstring(node)
    if text is None or node.name.startswith("_"):
        return None
    returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    is_property = any(ast.unparse(decorator) in ("property", "cached_property") for decorator in node.decorator_list)
    return Described(node.name, returned if is_property else f"({_without_self(node.args)}){returned}", text)


def _without_self(arguments: ast.arguments) -> str:
    first = [*arguments.posonlyargs, *arguments.args][:1]
    text = ast.unparse(arguments)
    if first and first[0].arg in ("self", "cls"):
        return text.removeprefix(first[0].arg).removeprefix(", ")
    return text


@cache
def field_docs(kind: type) -> dict[str, str]:
    """What stands below each field of a dataclass, its own and those that it inherits."""
    docs: dict[str, str] = {}
    for base in reversed(kind.__mro__[:-1]):
        if base.__module__.split(".")[0] not in ("trainer", "sharding"):
            continue
        body = next(node for node in ast.parse(_source(base)).body if isinstance(node, ast.ClassDef)).body
        for node, below in pairwise(body):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                value = below.value if isinstance(below, ast.Expr) else None
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    docs[node.target.id] = inspect.cleandoc(value.value)
    return docs


def _source(kind: type) -> str:
    return inspect.cleandoc("\n" + inspect.getsource(kind))
