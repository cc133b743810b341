"""The `diptych` command: finds the commands, which are the files of `launch/commands`, and runs one."""

import ast
import pkgutil
import re
import signal
import sys
from importlib import import_module
from importlib.machinery import SourceFileLoader

import launch.commands

_ANSWERED = ("-h", "--help", "help", "--version")
_USAGE = re.compile(r"`diptych ([^`]+)`: (.+)")


def main(argv: list[str] | None = None) -> int:
    """Run one command. Returns 0 for success, 1 for a failure that was explained, 2 for wrong input."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        status = _answer(arguments) if not arguments or arguments[0] in _ANSWERED else _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # as after `| head`: nobody is there to be told
        from sharding.console import discard_output

        discard_output(sys.stdout)
        return 128 + signal.SIGPIPE
    return status


def _answer(arguments: list[str]) -> int:
    """What needs none of our modules."""
    print(version_text() if arguments[:1] == ["--version"] else help_text())
    return 0 if arguments else 2


def commands() -> dict[str, pkgutil.ModuleInfo]:
    """All commands in alphabetical order, each with its file, which is not imported."""
    return {info.name.replace("_", "-"): info for info in pkgutil.iter_modules(launch.commands.__path__)}


def help_text() -> str:
    """A line for each command, by the docstring of its file: help waits for nothing."""
    usages = dict(_usage(name, _source(info)) for name, info in commands().items())
    width = max(map(len, usages))
    lines = [f"  {usage:{width}}  {text}" for usage, text in usages.items()]
    return "\n".join(["usage: diptych COMMAND [ARGUMENTS]; each command has --help; diptych --version", "", *lines])


def version_text() -> str:
    """The version, and the commit where this is a checkout."""
    from importlib.metadata import version

    from trainer.runs.provenance import commit

    return f"diptych {version('diptych')} ({commit() or 'outside a checkout'})"


def _source(info: pkgutil.ModuleInfo) -> str:
    spec = info.module_finder.find_spec(info.name, None)
    assert spec is not None
    assert isinstance(spec.loader, SourceFileLoader)
    return spec.loader.get_source(info.name) or ""


def _usage(name: str, source: str) -> tuple[str, str]:
    """`train [PRESET]`, and what it does."""
    line = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
    match = _USAGE.fullmatch(line)
    assert match is not None, f"launch/commands/{name}.py begins with {line!r}; see launch/commands/__init__.py"
    return match[1], match[2].rstrip(".")


def _run(arguments: list[str]) -> int:
    # Not above: help waits for nothing.
    from trainer.ranks.collector import collector_paused

    with collector_paused():
        from launch.extras import remedy
        from sharding.console import guard_terminal, make_console
        from sharding.errors import AbsentError, DatasetError
        from trainer.config.errors import ConfigError
        from trainer.ranks.threads import share_cores
    share_cores()
    guard_terminal()
    console = make_console(stderr=True)
    if arguments[0] not in (known := commands()):
        console.error(f"no command {arguments[0]!r}; there are: {', '.join(known)}.")
        return 2
    try:
        return _run_command(*arguments)
    except (ConfigError, DatasetError) as error:
        console.error(error)
        return 2 if isinstance(error, ConfigError | AbsentError) else 1
    except ModuleNotFoundError as error:
        if (text := remedy(error)) is None:
            raise
        console.error(text)
        return 2
    except KeyboardInterrupt:
        console.error("interrupted; what is written is whole.", title="stopped:")
        return 128 + signal.SIGINT


def _run_command(name: str, *arguments: str) -> int:
    from launch.extras import NEEDED, require_modules
    from launch.quick_tyro import quick_tyro
    from trainer.ranks.collector import collector_paused

    is_help = not {"-h", "--help"}.isdisjoint(arguments)
    if not is_help:
        require_modules(*NEEDED.get(name, ()))
    with collector_paused():
        command = import_module(f"{launch.commands.__name__}.{name.replace('-', '_')}")
    with quick_tyro(is_help=is_help):
        return command.main([*arguments])


if __name__ == "__main__":
    sys.exit(main())
