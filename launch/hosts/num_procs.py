"""How many ranks a run is to have, as the command line says it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tyro.constructors import PrimitiveConstructorSpec

from launch.hosts.host import Host
from trainer.config.errors import ConfigError

CORES_PER_RANK = {True: 4, False: 1}
"""Cores to ask for, for a rank with a GPU, which decodes pictures for it, and for one without."""

MOST_RANKS = 1_000_000
"""More than anybody has: a number with more digits is a mistake."""


@dataclass(frozen=True)
class NumProcs:
    """So many ranks, or as many as there are within a range."""

    least: int = 0
    most: int = 0
    """The same as `least` where one number is asked for; 0 where none is."""

    @property
    def is_asked(self) -> bool:
        """Whether the user said anything; else every slot there is gets a rank."""
        return self.most > 0

    @property
    def is_range(self) -> bool:
        """Whether fewer ranks than the most will do."""
        return self.least < self.most

    def __str__(self) -> str:
        return f"{self.least}:{self.most}" if self.is_range else str(self.most)


NOT_ASKED = NumProcs()


def bounds_among(hosts: Sequence[Host], asked: NumProcs) -> tuple[int, int]:
    """The least and the most ranks on these hosts: all slots if no number is asked for.

    Raises:
        ConfigError: there are fewer slots than the least.
    """
    slots = sum(host.slots for host in hosts)
    least, most = (asked.least, asked.most) if asked.is_asked else (slots, slots)
    if least > slots:
        raise ConfigError("num_procs", str(asked), f"the hosts have {slots} slots; use up to {slots}.")
    return least, min(most, slots)


def parse_num_procs(text: str) -> NumProcs:
    """`4` -> exactly 4 ranks, `2:8` -> 2 to 8, `0` -> not asked. Raises ConfigError."""
    match = re.fullmatch(r"([0-9]+)(?::([0-9]+))?", text.strip())
    if match is None:
        raise ConfigError("num_procs", text, "write a number of ranks, e.g. 4, or the least and the most, e.g. 2:8.")
    least, most = (int(part[:9]) for part in (match[1], match[2] or match[1]))
    if match[2] is not None and not 1 <= least <= most:
        raise ConfigError("num_procs", text, "the least comes first and is at least 1, e.g. 2:8.")
    if most > MOST_RANKS:
        raise ConfigError("num_procs", text, f"use up to {MOST_RANKS} ranks.")
    return NumProcs(least, most)


NUM_PROCS_ARGUMENT = PrimitiveConstructorSpec(
    nargs=1,
    metavar="N|MIN:MAX",
    instance_from_str=lambda words: parse_num_procs(words[0]),
    is_instance=lambda value: isinstance(value, NumProcs),
    str_from_instance=lambda value: [str(value)],
)
"""How tyro reads it from the command line."""
