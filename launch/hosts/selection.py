"""Some of the hosts of a hostfile, by `--include` or `--exclude`, as DeepSpeed writes them: `n1@n2:0,2`.

Slots have the numbers that CUDA gives the GPUs. A host without any gets as many processes as slots are left to it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from launch.hosts.host import Host
from trainer.config.errors import ConfigError

_ALL = None
_NUMBERS = re.compile(r"[0-9]{1,9}(?:,[0-9]{1,9})*")
_FORM = "write hosts with @ between them, and slots behind a colon, e.g. n1@n2:0,2"
_MOST_SHOWN = 20

Terms = Mapping[str, frozenset[int] | None]
"""Host -> slots by number, or None for all that it has."""


def select(hosts: Sequence[Host], *, include: str = "", exclude: str = "") -> list[Host]:
    """The hosts that are included, or not excluded, in their order, with the slots that are left to them.

    Raises:
        ConfigError: both are given, they are not as DeepSpeed writes them, name what is not there, or leave nothing.
    """
    if include and exclude:
        raise ConfigError("exclude", exclude, f"goes not together with --include {include}: give one of them.")
    if not include and not exclude:
        return list(hosts)
    name, text = ("include", include) if include else ("exclude", exclude)
    terms = _parse(name, text, hosts)
    kept = [_keep(host, terms) if include else _drop(host, terms) for host in hosts]
    left = [host for host in kept if host.slots > 0]
    if not left:
        raise ConfigError(name, text, "leaves no host; leave at least one slot.")
    return left


def _parse(name: str, text: str, hosts: Sequence[Host]) -> Terms:
    slots = {host.name: host.slots for host in hosts}
    terms: dict[str, frozenset[int] | None] = {}
    for part in text.split("@"):
        # An address of IPv6 has colons of its own: what is a host's whole name is one.
        host, colon, numbers = (part, "", "") if part in slots else part.rpartition(":")
        if not colon:
            host, numbers = part, ""
        host = host.strip()
        if not host or (colon and _NUMBERS.fullmatch(numbers) is None):
            raise ConfigError(name, text, f"{_FORM}.")
        if host not in slots:
            raise ConfigError(name, text, f"the hostfile has no host {host!r}; it has: {_shown(slots)}.")
        if host in terms:
            raise ConfigError(name, text, f"names {host} twice; write its slots together, e.g. {host}:0,2.")
        terms[host] = frozenset(map(int, numbers.split(","))) if colon else _ALL
        unknown = sorted(number for number in terms[host] or () if number >= slots[host])
        if unknown:
            raise ConfigError(name, text, f"{host} has slots 0 to {slots[host] - 1}, and no {unknown[0]}.")
    return terms


def _shown(slots: Mapping[str, int]) -> str:
    names = list(slots)
    return ", ".join(names[:_MOST_SHOWN]) + (f" and {len(names) - _MOST_SHOWN} more" if names[_MOST_SHOWN:] else "")


def _keep(host: Host, terms: Terms) -> Host:
    if host.name not in terms:
        return replace(host, slots=0)
    numbers = terms[host.name]
    return host if numbers is None else _with_devices(host, numbers)


def _drop(host: Host, terms: Terms) -> Host:
    if host.name not in terms:
        return host
    numbers = terms[host.name]
    return replace(host, slots=0) if numbers is None else _with_devices(host, set(range(host.slots)) - numbers)


def _with_devices(host: Host, numbers: set[int] | frozenset[int]) -> Host:
    return replace(host, slots=len(numbers), devices=tuple(sorted(numbers)))
