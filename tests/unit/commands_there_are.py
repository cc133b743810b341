"""What the documentation can name of the command line: commands, their flags, presets, tables and make targets."""

import io
import os
import re
from contextlib import redirect_stdout, suppress
from functools import cache
from pathlib import Path
from unittest.mock import patch

import tyro

from launch.cli import main
from launch.embedded import embedded_command
from sweeps.tables.papers import TABLES
from trainer.presets import DEFAULT, load_preset, preset_names

ROOT = Path(__file__).resolve().parents[2]
WITH_PRESET = ("launch", "train", "sweep", "plan")
PRESETS = frozenset(preset_names())
_FLAGS = re.compile(r"^[\s│]*((?:-{1,2}[a-z][\w.-]*(?:(?: [A-Z{][^\s,]*)?, )?)+)", re.MULTILINE)


@cache
def help_of(*words: str) -> str:
    """What `diptych WORDS --help` prints: one option a line."""
    shown = io.StringIO()
    # tyro puts options side by side where the terminal is wide
    with patch.dict(os.environ, {"COLUMNS": "80"}), redirect_stdout(shown), suppress(SystemExit):
        main([*words, "--help"])
    return shown.getvalue()


@cache
def commands() -> frozenset[str]:
    """The commands that `diptych --help` lists."""
    with redirect_stdout(io.StringIO()) as shown:
        main(["--help"])
    return frozenset(re.findall(r"^  ([a-z-]+)", shown.getvalue(), re.MULTILINE))


WITH_KINDS = ("shard", "fcn", "checkpoint", "study")
"""Commands that another word follows, which says what to do."""


@cache
def kinds_of(command: str) -> frozenset[str]:
    """What may follow `diptych shard` or another of these commands."""
    listed = re.search(r"\{([a-z,\s-]+)\}", help_of(command))
    assert listed is not None
    return frozenset(re.split(r"[,\s]+", listed[1].strip(" ,\n")))


def beside_presets(command: str) -> frozenset[str]:
    """What may follow a command in place of a preset, and has flags of its own."""
    return frozenset({"best", "workspace"}) if command == "sweep" else frozenset()


@cache
def flags_of(*words: str) -> frozenset[str]:
    """The flags of a command, with a preset or a kind of `shard` behind it."""
    return _flags_in(help_of(*words))


def _flags_in(shown: str) -> frozenset[str]:
    return frozenset(
        flag for line in _FLAGS.findall(shown) for flag in re.split(r"[ ,]+", line) if flag.startswith("--")
    )


@cache
def resume_flags(command: str) -> frozenset[str]:
    """The flags beside `--resume RUN`; none where a command resumes nothing."""
    return flags_of(command, "--resume", "RUN") if command in ("train", "sweep") else frozenset()


@cache
def benchmark_flags() -> frozenset[str]:
    """The flags of `make bench`, `make bench-data` and `make bench-evaluate`."""
    from benchmarks import __main__, data, translating

    shown = io.StringIO()
    for options in (__main__.Options, data.Options, translating.Options):
        with patch.dict(os.environ, {"COLUMNS": "80"}), redirect_stdout(shown), suppress(SystemExit):
            tyro.cli(options, args=["--help"])
    return _flags_in(shown.getvalue())


@cache
def all_flags() -> frozenset[str]:
    """The flags of all commands, with one preset of each method."""
    of_methods = {load_preset(name).method.name: name for name in sorted(PRESETS)}
    found = set(benchmark_flags())
    for command in commands():
        found |= flags_of(command) | resume_flags(command)
        for word in beside_presets(command):
            found |= flags_of(command, word)
    for preset in of_methods.values():
        found |= flags_of("train", preset)
    for command in WITH_KINDS:
        for kind in kinds_of(command):
            found |= flags_of(command, kind)
    return frozenset(found | set(re.findall(r"--[a-z-]+", (ROOT / "tests" / "conftest.py").read_text())))


@cache
def targets() -> dict[str, str]:
    """The Makefile's targets, with their recipes."""
    text = (ROOT / "Makefile").read_text()
    return dict(re.findall(r"^([a-z][a-z-]*):.*\n((?:[\t#].*\n)*)", text, re.MULTILINE))


@cache
def flags_of_target(target: str) -> frozenset[str]:
    """The flags that `ARGS` of a make target may hold."""
    command = re.search(r"\$\(BIN\)/diptych ([a-z]+)(?: ([a-z]+))?", targets()[target])
    if command is None:
        return benchmark_flags()
    return flags_of(*filter(None, command.groups()))


def is_preset(name: str) -> bool:
    """Whether a word that looks like a preset's name is that of a preset, a table, or an embedded data set."""
    return name in PRESETS or name in TABLES or embedded_command(Path(name)) is not None


def flags_with(command: str, word: str) -> frozenset[str]:
    """The flags of a command by the word that follows it, which a placeholder leaves open."""
    if word in beside_presets(command):
        return flags_of(command, word)
    if command in WITH_PRESET:
        return flags_of(command, word if word in PRESETS else DEFAULT) | resume_flags(command)
    if command not in WITH_KINDS:
        return flags_of(command)
    kinds = [word] if word in kinds_of(command) else sorted(kinds_of(command))
    return frozenset().union(*(flags_of(command, kind) for kind in kinds))
