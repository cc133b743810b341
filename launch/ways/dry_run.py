"""`--dry-run`: what would be trained, where and by which commands; nothing is made, started or contacted."""

import json
from pathlib import Path

from launch.embedded import embedded_command
from launch.ways.way import Request, Step, Way
from sharding.console import command_line, counted, make_console
from sharding.format.manifest import FILE_NAME
from trainer.config.errors import ConfigError
from trainer.runs.config import config_to_dict


def show(request: Request, way: Way) -> None:
    """Print the configuration as run.json would hold it, then each command. Raises ConfigError as `way.describe`."""
    steps = way.describe(request)
    console = make_console()
    console.print(f"# run: {request.run} ({'continued' if request.run.exists() else 'new'})")
    console.print(f"# data: {_data(request)}")
    console.print(json.dumps({"config": config_to_dict(request.config)}, indent=1))
    console.print(f"# trained {way.name}{_extent(steps)}")
    for step in steps:
        console.print("\n".join(_lines(step)))


def _data(request: Request) -> str:
    place = request.config.data.path
    if not isinstance(place, Path):
        return f"{place} (not looked at)"
    if (place / FILE_NAME).is_file():
        return str(place)
    command = embedded_command(place)
    if command is None or request.command != "launch":
        raise ConfigError("data.path", str(place), "no data set is there; make one with `diptych shard --help`.")
    return f"{place}, which is not there yet; it would be made by: {command_line('diptych', 'shard', *command)}"


def _extent(steps: list[Step]) -> str:
    ranks = sum(len(step.ranks) for step in steps if step.ranks is not None)
    hosts = len({step.host for step in steps})
    return f": {counted(ranks, 'rank')} on {counted(hosts, 'host')}" if ranks else ""


def _lines(step: Step) -> list[str]:
    lines = [f"# {step.host}{_ranks(step.ranks)}"]
    lines += [step.command] if step.command else []
    return lines + ([step.text] if step.text else [])


def _ranks(ranks: range | None) -> str:
    if ranks is None:
        return ""
    if len(ranks) == 0:
        return ": a spare, for when another host is lost"
    return f": rank {ranks[0]}" if len(ranks) == 1 else f": ranks {ranks[0]} to {ranks[-1]}"
