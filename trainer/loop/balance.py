"""Which rank holds up the others: each one's time in the parts of a step, told every few minutes."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trainer.engine.phases import PHASES, Phase, Phases
from trainer.monitoring import Logger, Metrics
from trainer.ranks.world import World

PERIOD_S = 180.0
_MOST_RANKS = 16
"""In metrics; of more ranks, the slowest."""
_SLOW = 1.1
"""A rank that takes so many times what the fastest takes is told of."""


@dataclass(frozen=True, kw_only=True)
class Balance:
    """Seconds a step of each rank in each phase, over the last minutes."""

    ranks: Sequence[Mapping[Phase, float]]
    hosts: Sequence[str]

    @property
    def own(self) -> list[float]:
        """Seconds a step of each rank without its waiting for others."""
        return [sum(times.values()) - times["communication"] for times in self.ranks]

    @property
    def slowest(self) -> list[int]:
        """All ranks, the slowest first."""
        return sorted(range(len(self.ranks)), key=lambda rank: -self.own[rank])

    def ratio(self, rank: int) -> float:
        """Its time against that of the fastest rank."""
        return self.own[rank] / max(min(self.own), 1e-9)

    def __str__(self) -> str:
        """One line for people: the slowest rank, and in each phase its seconds beside those of the fastest there."""
        first, *others = self.slowest
        fastest = {phase: min(times[phase] for times in self.ranks) for phase in PHASES}
        parts = ", ".join(f"{phase} {self.ranks[first][phase]:.3f} ({fastest[phase]:.3f})" for phase in PHASES)
        line = f"slowest of {len(self.ranks)} ranks: {self._name(first)}; s/step (fastest): {parts}"
        slow = [self._name(rank) for rank in others if self.ratio(rank) >= _SLOW]
        return f"{line}; then {', '.join(slow[:_MOST_RANKS])}" if slow else line

    def _name(self, rank: int) -> str:
        return f"{rank} on {self.hosts[rank]} {self.ratio(rank):.2f}x"

    def metrics(self) -> Metrics:
        """Seconds a step, e.g. `ranks/data_s/3` of rank 3; the slowest rank, and its time against the fastest."""
        slowest = self.slowest
        values = {
            f"ranks/{phase}_s/{rank}": self.ranks[rank][phase]
            for rank in sorted(slowest[:_MOST_RANKS])
            for phase in PHASES
        }
        return {**values, "ranks/slowest": slowest[0], "ranks/slowest_ratio": self.ratio(slowest[0])}


class BalanceWatch:
    """Compares ranks every few minutes. All ranks ask at the same steps, and the main rank's clock counts."""

    def __init__(self, phases: Phases, *, world: World, step: int) -> None:
        self._phases = phases
        self._world = world
        self._step = step
        self._asked = time.monotonic()

    def tell(self, step: int, loggers: Sequence[Logger], *, position: int) -> Metrics:
        """Say how ranks compare, if it is due; the metrics of it, else none. All ranks call it."""
        balance = self.take(step)
        if balance is None:
            return {}
        for logger in loggers:
            logger.note(str(balance), position)
        return balance.metrics()

    def take(self, step: int) -> Balance | None:
        """The balance since the last one, on all ranks; None if it is not due, or there is one rank.

        Args:
            step: number of steps that have been made.
        """
        is_due = self._world.is_main and time.monotonic() - self._asked >= PERIOD_S
        if self._world.size == 1 or step == self._step or not self._world.any(is_due):
            return None
        num_steps, self._step, self._asked = step - self._step, step, time.monotonic()
        own = {phase: seconds / num_steps for phase, seconds in self._phases.take().items()}
        return Balance(ranks=self._world.gather(own), hosts=self._world.hosts)
