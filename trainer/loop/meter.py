"""Running means of losses between two log lines, without waiting for the device."""

from collections.abc import Sequence

import torch
from torch import Tensor

from trainer.ranks.world import World


class Meter:
    """Sums scalars on their device; the host is asked only when a line is due."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, scalars: dict[str, Tensor]) -> None:
        """Names may be missing where a player does not step each time; on all ranks the same."""
        for name, value in scalars.items():
            known = self._sums.get(name)
            self._sums[name] = value.double() if known is None else known + value
            self._counts[name] = self._counts.get(name, 0) + 1

    def means(self, world: World) -> dict[str, float]:
        """Means over everything added since the last call, on all ranks; then starts anew."""
        means = self.peek(world)
        self._sums, self._counts = {}, {}
        return means

    def peek(self, world: World) -> dict[str, float]:
        """The same as `means`, without starting anew; empty if nothing was added."""
        if not self._sums:
            return {}
        names = list(self._sums)  # all ranks met them in one order
        totals = world.mean(torch.stack([self._sums[name] for name in names])).tolist()
        return {name: total / self._counts[name] for name, total in zip(names, totals, strict=True)}

    def state_dict(self) -> dict[str, dict[str, float] | dict[str, int]]:
        """This rank's sums, as JSON values (a double survives JSON exactly)."""
        return {"sums": {name: total.item() for name, total in self._sums.items()}, "counts": dict(self._counts)}

    def load_state_dicts(self, states: Sequence[dict], *, device: torch.device) -> None:
        """This rank's own state; or those of all of another number of ranks, of which it takes the mean.

        So the next line is the mean over all that was seen since the last one, whatever the number of ranks was.
        """
        self._counts = dict(states[0]["counts"])  # equal on all ranks
        totals = {name: sum(state["sums"][name] for state in states) / len(states) for name in self._counts}
        self._sums = {name: torch.tensor(total, dtype=torch.float64, device=device) for name, total in totals.items()}
