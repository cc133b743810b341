"""The script that Slurm runs: a pure function of what is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from launch.slurm.options import SlurmOptions
from sharding.console import command_line
from trainer.config.errors import ConfigError

FOLDER = "slurm"
"""In the run's folder: the script, what jobs print, and how far each came."""
SCRIPT_FILE = "job.sh"
ALWAYS_EXPORTED = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TMPDIR", "USER", "VIRTUAL_ENV")
"""Variables that jobs get, whatever training needs: without others, a program finds nothing. By name; values are not
written down."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the script says."""

    run: Path
    """The run's folder, an absolute path that all nodes see."""
    folder: Path
    """Where relative paths begin, as where the job was submitted."""
    options: SlurmOptions
    nodes: int
    slots: int
    """Ranks that each node can take."""
    gpus: int
    """Of each node."""
    cores: int
    """Of each node."""
    command: Sequence[str]
    """What the script becomes on the first node. No secret stands in it."""
    outlives_nodes: bool = False
    """Whether training goes on without a node that is lost, on fewer ranks."""
    exported: Sequence[str] = ()
    """Names of the variables that jobs get besides ALWAYS_EXPORTED."""


def script_path(run: Path) -> Path:
    """Where the script of a run lies."""
    return run / FOLDER / SCRIPT_FILE


def script_text(settings: Settings) -> str:
    """The whole script. Raises ConfigError for a path that Slurm cannot be told."""
    lines = [f"#SBATCH {line}" for line in _directives(settings)]
    return "\n".join(["#!/bin/bash", *lines, "", f"exec {command_line(*settings.command)}", ""])


def _directives(settings: Settings) -> list[str]:
    options = settings.options
    output = str(settings.run / FOLDER / "job-").replace("%", "%%")
    named = {
        "job-name": f"diptych-{settings.run.name}",
        "chdir": str(settings.folder),
        "output": f"{_plain(output)}%j.log",
        "nodes": str(settings.nodes),
        "gpus-per-node": str(settings.gpus or "") if not options.gres_gpus else "",
        "cpus-per-task": str(settings.cores),
        "time": options.time_limit,
        "partition": options.partition,
        "account": options.account,
        "qos": options.qos,
        # To the script alone: it tells the ranks once, and knows then why they ended.
        "signal": f"B:USR1@{options.notice_s}",
        "export": ",".join(sorted({*ALWAYS_EXPORTED, *settings.exported})),
    }
    given = [f"--{name}={_word(value)}" for name, value in named.items() if value]
    given += ["--ntasks-per-node=1", "--open-mode=append", "--requeue"]
    given += ["--no-kill"] if settings.outlives_nodes else []
    return [*given, *map(_argument, options.slurm_arg)]


def _argument(argument: str) -> str:
    name, equals, value = argument.partition("=")
    return f"{name}={_word(value)}" if equals else name


def _word(text: str) -> str:
    """One word of a line of options: sbatch knows double quotes, with a backslash before what means something there."""
    _plain(text, backslash=True)
    if text and all(character.isalnum() or character in "@:,./=+-_%" for character in text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _plain(text: str, *, backslash: bool = False) -> str:
    """The same. Raises ConfigError for what a line of options cannot hold, or a name of a file of Slurm's."""
    if not text.isprintable() or ("\\" in text and not backslash):
        raise ConfigError("run", text, "holds characters that Slurm takes for something else; choose another --name.")
    return text
