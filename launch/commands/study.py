"""`diptych study COMMAND DIR`: let people judge what runs make: create a study, serve it, report its answers."""

import ast
import pkgutil
from dataclasses import make_dataclass
from importlib import import_module
from pathlib import Path

import tyro
from tyro.extras import subcommand_cli_from_dict

import launch.study

_PROG = "diptych study"


def main(argv: list[str]) -> int:
    """Do what is asked of a study. Returns the exit status. Raises as the command's own `main`."""
    names = sorted(info.name for info in pkgutil.iter_modules(launch.study.__path__))
    asked = argv[0].replace("-", "_") if argv else ""
    if asked not in names:  # help, or a mistake: ends here
        subcommand_cli_from_dict({name.replace("_", "-"): _described(name) for name in names}, prog=_PROG, args=argv)
    command = import_module(f"{launch.study.__name__}.{asked}")  # the others load what this one does not need
    options = tyro.cli(command.Options, args=argv[1:], prog=f"{_PROG} {asked.replace('_', '-')}")
    return command.main(options)


def _described(name: str) -> type:
    """A command without its options: what help says of it stands in the docstring of its `Options`."""
    source = (Path(launch.study.__path__[0]) / f"{name}.py").read_text(encoding="utf-8")
    (node,) = (each for each in ast.parse(source).body if isinstance(each, ast.ClassDef) and each.name == "Options")
    return make_dataclass("Options", [], namespace={"__doc__": ast.get_docstring(node)})
