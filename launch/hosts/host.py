"""A machine that takes part in a run, and its part of the ranks."""

from collections.abc import Sequence
from dataclasses import dataclass

from trainer.config.errors import ConfigError


@dataclass(frozen=True)
class Host:
    """One machine, as a hostfile names it."""

    name: str
    """A name or address under which the others reach it."""
    slots: int
    """Ranks that it can take: its GPUs, or processes on its cores."""
    devices: tuple[int, ...] = ()
    """Numbers of the GPUs that it gives, one a slot; its first ones if empty."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """The ranks of one host in one attempt: consecutive numbers, host by host."""

    host: str
    first_rank: int
    num_ranks: int

    @property
    def ranks(self) -> range:
        """Their numbers among all ranks."""
        return range(self.first_rank, self.first_rank + self.num_ranks)


def share_ranks(hosts: Sequence[Host], *, num_ranks: int | None = None) -> list[Share]:
    """Fill one host after the other; hosts that get no rank have no share.

    Args:
        num_ranks: of the whole job; every slot of every host if not given.

    Raises:
        ConfigError: more ranks than slots, or none.
    """
    slots = sum(host.slots for host in hosts)
    left = slots if num_ranks is None else num_ranks
    if not 1 <= left <= slots:
        raise ConfigError("num_procs", left, f"the hosts have {slots} slots; use 1 to {slots}.")
    shares: list[Share] = []
    first = 0
    for host in hosts:
        number = min(host.slots, left - first)
        if number > 0:
            shares.append(Share(host=host.name, first_rank=first, num_ranks=number))
            first += number
    return shares
