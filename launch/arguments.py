"""Command lines that begin with a preset: `diptych train [PRESET] [FLAGS]` and others."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import tyro

from trainer.presets import DEFAULT, describe_preset, load_preset, preset_names
from trainer.ranks.collector import collector_paused
from trainer.runs.config import RunConfig

_Options = TypeVar("_Options")


def split_preset(argv: Sequence[str]) -> tuple[str, list[str]]:
    """The preset, which may come first, and the flags behind it."""
    is_named = bool(argv) and not argv[0].startswith("-")
    return (argv[0] if is_named else DEFAULT), list(argv[is_named:])


def asks_to_resume(argv: Sequence[str]) -> bool:
    """Whether `--resume` is among the flags, which makes them those of another command."""
    return any(argument.partition("=")[0] == "--resume" for argument in argv)


def without_flags(words: Sequence[str], flags: Mapping[str, int]) -> list[str]:
    """The words without some flags, and how many words follow each of those: for a command that is run elsewhere.

    `--nodes 4`, `--nodes=4`, `--time_limit 4` and `--no-slurm` are all known for what they are.
    """
    left: list[str] = []
    waiting = iter(words)
    for word in waiting:
        flag, equals, _ = word.partition("=")
        flag = flag.replace("_", "-")
        positive = "--" + flag.removeprefix("--no-") if flag.startswith("--no-") else flag
        if flag not in flags and flags.get(positive) != 0:
            left.append(word)
        elif not equals and flag in flags:
            for _ in range(flags[flag]):
                next(waiting, None)
    return left


def parse_on_preset(
    argv: Sequence[str], *, begin: Callable[[RunConfig], _Options], prog: str, about: str = "", after: str = ""
) -> _Options:
    """The options that flags make of those that a preset begins with.

    Args:
        begin: a preset's configuration -> the options whose values the flags change, and `--help` shows.
        prog: the command, e.g. `diptych train`.
        about: of the command, in front of what help says of the preset; `after` stands behind it.

    Raises:
        ConfigError: no such preset, or an impossible value. A misspelt flag ends the process, with suggestions.
    """
    preset, flags = split_preset(argv)
    is_help = not {"-h", "--help"}.isdisjoint(flags)
    with collector_paused():
        default = begin(load_preset(preset))
        return tyro.cli(
            type(default),
            args=flags,
            default=default,
            prog=f"{prog} [PRESET]",
            description="\n\n".join(filter(None, (about, _about(preset), after))) if is_help else None,
            config=(tyro.conf.HelptextFromCommentsOff,),  # in comments there are reasons
        )


def _about(preset: str) -> str:
    """Reads all presets."""
    others = f"Another may come first: {', '.join(preset_names())}."
    return f"{describe_preset(preset)}\n\nThe defaults below are those of the preset {preset}. {others}"
