"""A copy of the packages, to lay a new method into, and the command that runs in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def copy_packages(tree: Path) -> Path:
    """Copy what `diptych` is made of into an empty folder."""
    for package in ("trainer", "launch", "sharding", "sweeps"):
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tree


def add_method(tree: Path, name: str, *, config: str, method: str, preset: str) -> None:
    """Lay a method and its preset into a copy: one new folder and one new file."""
    folder = tree / "trainer" / "methods" / name
    folder.mkdir()
    (folder / "__init__.py").write_text(f'"""The method {name}."""\n')
    (folder / "config.py").write_text(config)
    (folder / "method.py").write_text(method)
    (tree / "trainer" / "presets" / f"{name}.py").write_text(preset)


def diptych(*arguments: str | Path, tree: Path, status: int = 0) -> str:
    """What the copy's command said; a warning of tyro is an error."""
    return python("-W", "error::UserWarning:tyro", "-m", "launch.cli", *map(str, arguments), tree=tree, status=status)


def python(*arguments: str, tree: Path, status: int = 0) -> str:
    """What Python said, which imports from the copy alone. The test fails unless it ends with the status."""
    done = subprocess.run(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree), "COLUMNS": "120"},
        timeout=120,
        check=False,
    )
    assert done.returncode == status, done.stdout
    return done.stdout
