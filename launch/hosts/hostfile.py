"""Hostfiles, as DeepSpeed and MPI have them: a line `host slots=n` for each machine."""

import re
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

from launch.hosts.host import Host
from launch.hosts.selection import select
from sharding.console import one_line
from sharding.storage.files import read_regular
from trainer.config.errors import ConfigError

MOST_BYTES = 2**20
MOST_SLOTS = 1024
"""Of one host. The largest machines have some hundred cores, and 16 GPUs."""
_LONGEST_SHOWN = 80
_SLOTS = re.compile(r"slots=([0-9]{1,9})")
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
_REMEDY = "write one host a line, e.g. `n1 slots=8`; what follows # is a comment"


def read_hosts(path: Path, *, include: str = "", exclude: str = "") -> list[Host]:
    """The hosts of a file, or some of them, in its order.

    Args:
        include: those alone, as `n1@n2:0,2`: all of n1, and slots 0 and 2 of n2.
        exclude: all but those; written alike. Not together with `include`.

    Raises:
        ConfigError: there is no such file, one of its lines is none of a hostfile, or nothing is left.
    """
    try:
        content = read_regular(path, most=MOST_BYTES, follow_links=True)
    except FileNotFoundError:
        remedy = "is not there, so nothing is started. Give the file that names your hosts, e.g. with `n1 slots=8`."
        raise ConfigError("hostfile", str(path), remedy) from None
    except OSError as error:
        remedy = f"cannot be read ({error.strerror}); give a text file of up to {MOST_BYTES} bytes."
        raise ConfigError("hostfile", str(path), remedy) from error
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ConfigError("hostfile", str(path), f"is no text in UTF-8 (byte {error.start}); {_REMEDY}.") from error
    return select(parse_hostfile(text, path=path), include=include, exclude=exclude)


def parse_hostfile(text: str, *, path: Path) -> list[Host]:
    """The hosts of a file's text. Raises ConfigError, which names `path`, the line and the remedy."""
    lines: dict[str, int] = {}
    hosts: list[Host] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        host = _parse_line(words, name=f"{path}, line {number}", line=line)
        if host.name in lines:
            remedy = f"{host.name} is in line {lines[host.name]} already: write all its slots into one line."
            raise _refusal(f"{path}, line {number}", line, remedy)
        lines[host.name] = number
        hosts.append(host)
    if not hosts:
        raise ConfigError("hostfile", str(path), f"names no host; {_REMEDY}.")
    return hosts


def _parse_line(words: Sequence[str], *, name: str, line: str) -> Host:
    host, *others = words
    problem = name_problem(host)
    if problem is not None:
        raise _refusal(name, line, problem)
    if len(others) != 1 or (match := _SLOTS.fullmatch(others[0])) is None:
        raise _refusal(name, line, f"says not how many slots {host} has, or more than that; {_REMEDY}.")
    slots = int(match[1])
    if not 1 <= slots <= MOST_SLOTS:
        remedy = f"{slots} slots: use 1 to {MOST_SLOTS}, one for each GPU, or process on its cores; or remove the line."
        raise _refusal(name, line, remedy)
    return Host(host, slots)


def name_problem(name: str) -> str | None:
    """What is wrong with the name of a host, and the remedy; None if nothing is.

    It becomes a word of ssh's command line: it must not be taken for an option of ssh, such as `-oProxyCommand=...`,
    which runs a command here, or hold what a shell would obey.
    """
    if "@" in name:
        return "names a user. Write the host alone, and the user into ~/.ssh/config."
    if _NAME.fullmatch(name) is not None or _is_address(name):
        return None
    return (
        "does not begin with the name of a host: use letters, digits, dots, - and _, beginning with a letter or digit."
    )


def _is_address(name: str) -> bool:
    try:
        return "%" not in name and ip_address(name) is not None
    except ValueError:
        return False


def _refusal(name: str, line: str, remedy: str) -> ConfigError:
    shown = one_line(line.strip())
    return ConfigError(name, shown if len(shown) <= _LONGEST_SHOWN else shown[:_LONGEST_SHOWN] + "…", remedy)
