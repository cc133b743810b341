"""Write docs/map.md: what each module is for, by the first sentence of its docstring. `make map` calls it."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "docs" / "map.md"
PACKAGES = ("sharding", "trainer", "launch", "sweeps", "benchmarks", "docs", "tests")
SKIPPED = ("tests/unit", "tests/integration", "tests/distributed", "tests/golden")  # tests say all by their names
_HEAD = """\
# Map

One line for each module: the first sentence of its docstring. `make map` writes this page, and a test says when it is
out of date. [architecture.md](architecture.md) tells how the parts fit, [glossary.md](glossary.md) what the words mean.
"""


def describe_tree(root: Path = ROOT) -> str:
    """The whole page, from the docstrings of the tree below `root`."""
    folders = [path.parent for package in PACKAGES for path in sorted((root / package).rglob("__init__.py"))]
    return _HEAD + "".join(_folder(folder, root) for folder in folders if not _is_skipped(folder, root))


def _is_skipped(folder: Path, root: Path) -> bool:
    return folder.relative_to(root).as_posix().startswith(SKIPPED)


def _folder(folder: Path, root: Path) -> str:
    path = folder.relative_to(root).as_posix()
    modules = [file for file in sorted(folder.glob("*.py")) if file.name != "__init__.py"]
    rows = [f"| `{file.name}` | {first_sentence(file)} |\n" for file in modules]
    table = ["\n| module | what it is for |\n|---|---|\n", *rows] if rows else []
    return f"\n## {path}/\n\n{first_sentence(folder / '__init__.py')}\n{''.join(table)}"


def first_sentence(file: Path) -> str:
    """The first sentence of a module's docstring, on one line; empty if it has none."""
    text = " ".join((ast.get_docstring(ast.parse(file.read_text())) or "").split("\n\n")[0].split())
    return re.split(r"(?<=[.?])\s+(?=[A-Z`])", text, maxsplit=1)[0].replace("|", r"\|")


if __name__ == "__main__":
    FILE.write_text(describe_tree())
