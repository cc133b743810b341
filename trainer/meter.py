"""Running means of losses between two log lines, without waiting for the device."""

import torch
from torch import Tensor

from trainer.world import World


class Meter:
    """Sums scalars on their device; the host is asked only when a line is due."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._sums: Tensor | None = None
        self._count = 0

    def add(self, scalars: dict[str, Tensor]) -> None:
        """The same names each time."""
        values = torch.stack(list(scalars.values())).double()
        self._sums = values if self._sums is None else self._sums + values
        self._names = list(scalars)
        self._count += 1

    def means(self, world: World) -> dict[str, float]:
        """Over everything added since the last call, on all ranks; then starts anew."""
        means = self.peek(world)
        self._sums, self._count = None, 0
        return means

    def peek(self, world: World) -> dict[str, float]:
        """As `means`, without starting anew; empty if nothing was added."""
        if self._sums is None:
            return {}
        means = (world.mean(self._sums) / self._count).tolist()
        return dict(zip(self._names, means, strict=True))

    def state_dict(self) -> dict[str, list[str] | list[float] | int]:
        """This rank's sums, as JSON values (a double survives JSON exactly)."""
        return {
            "names": self._names,
            "sums": [] if self._sums is None else self._sums.tolist(),
            "count": self._count,
        }

    def load_state_dict(self, state: dict, *, device: torch.device) -> None:
        self._names, self._count = state["names"], state["count"]
        sums = state["sums"]
        self._sums = torch.tensor(sums, dtype=torch.float64, device=device) if sums else None
