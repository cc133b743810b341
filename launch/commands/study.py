"""`diptych study COMMAND DIR`: let people judge what runs make: create a study, serve it, report its answers."""

import pkgutil
from importlib import import_module

from tyro.extras import subcommand_cli_from_dict

import launch.study


def main(argv: list[str]) -> int:
    """Do what is asked of a study. Returns the exit status. Raises as the command's own `main`."""
    names = [info.name for info in pkgutil.iter_modules(launch.study.__path__)]
    commands = {
        name.replace("_", "-"): import_module(f"{launch.study.__name__}.{name}").Options for name in sorted(names)
    }
    options = subcommand_cli_from_dict(commands, prog="diptych study", args=argv)
    return import_module(type(options).__module__).main(options)
