"""What can be read at one sitting: files of one purpose, functions of one thought."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.import_rules import module_name

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(
    path for package in ("sharding", "trainer", "launch", "sweeps") for path in (ROOT / package).rglob("*.py")
)
MOST_LINES = 250
"""Of a file."""
MOST_BODY_LINES = 30
"""Of a function, from the first line after its docstring to its last."""


def long_bodies(source: str) -> Iterator[str]:
    """Functions and methods that are too long, each with its number of lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            num_lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            if num_lines > MOST_BODY_LINES:
                yield f"{node.name}: {num_lines} lines"


@pytest.mark.parametrize("path", FILES, ids=lambda path: module_name(path, ROOT))
def test_a_file_and_its_functions_are_short(path: Path) -> None:
    source = path.read_text()
    assert len(source.splitlines()) <= MOST_LINES, "split it by purpose"
    assert list(long_bodies(source)) == [], "give a part a name of its own"


def test_a_long_body_is_found_and_docstrings_do_not_count() -> None:
    documented = '    """' + "One line.\n" * 40 + '"""\n'
    long = "def long():\n" + documented + "    x = 1\n" * (MOST_BODY_LINES + 1)
    short = "class C:\n    def short(self):\n" + "        x = 1\n" * MOST_BODY_LINES
    only_documented = "def only():\n" + documented
    assert list(long_bodies(long + short + only_documented)) == [f"long: {MOST_BODY_LINES + 1} lines"]
