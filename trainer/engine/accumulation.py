"""Several micro-batches to one step, each as another rank would take it: fewer ranks then train as more would have."""

from collections.abc import Mapping, Set

import torch
from torch import Tensor, nn

from trainer.data.batch import Batch
from trainer.data.randomness import seed_torch
from trainer.engine.buffers import BuffersAsNow
from trainer.methods.base import Method, Network, Networks


def seed_step(batch: Batch) -> None:
    """Let dropout and draws from histories be functions of the run's seed and of the batch's position.

    So they are the same again when a position is trained on after a resume, and on any number of ranks that take the
    same micro-batches.
    """
    seed_torch(
        batch.seed, "step", batch.position, 0
    )  # the last was the rank's number: runs of one rank stay as they were


class MicroBatch:
    """One micro-batch on its way through the players of a step.

    Each player takes all micro-batches before it steps, and the next player meets its new weights. In that, nothing
    may come of a micro-batch that would not come of it alone, where one pass of the generators serves all players:
    who made the fakes has to make them again, since graphs of all micro-batches do not fit in memory; the others take
    what was made, before those weights moved.
    """

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self._fakes: dict[str, Tensor] | None = None
        self._makers: Set[str] = frozenset()
        self._buffers: BuffersAsNow | None = None
        self._drawn: _Drawn | None = None

    @property
    def fakes(self) -> Mapping[str, Tensor]:
        """What the generators' pass has made, detached; empty before it."""
        return self._fakes or {}

    def losses(self, player: str, method: Method, networks: Networks, *, own: nn.ModuleDict) -> dict[str, Tensor]:
        """The player's terms, with a graph of its own networks alone.

        Args:
            networks: in which its rivals are frozen.
            own: its networks.
        """
        fakes = self._fakes_for(method, networks, own)
        if self._drawn is not None:
            self._drawn.go_on()
        losses = method.losses(player, networks, self.batch, fakes)
        self._drawn = _Drawn(self.batch.a.device)
        return losses

    def _fakes_for(self, method: Method, networks: Networks, own: nn.ModuleDict) -> Mapping[str, Tensor]:
        if self._fakes is None:
            self._buffers = BuffersAsNow(nn.ModuleList(networks.module(name) for name in networks))
            seed_step(self.batch)
            noted = _Noted(networks)
            fakes = method.forward(noted, self.batch)
            self._fakes = {name: fake.detach() for name, fake in fakes.items()}
            self._makers = noted.called
            return fakes
        if not self._makers & own.keys():
            return self._fakes
        assert self._buffers is not None
        seed_step(self.batch)
        with self._buffers:
            return method.forward(networks, self.batch)


class _Noted(Networks):
    """Networks, with a note of which were called.

    Args:
        networks: the same otherwise.
    """

    def __init__(self, networks: Networks) -> None:
        super().__init__(networks, {name: networks.module(name) for name in networks})
        self.called: set[str] = set()
        self._networks = networks

    def __getitem__(self, name: str) -> Network:
        self.called.add(name)
        return super().__getitem__(name)

    def frozen(self, name: str) -> Network:
        return self._networks.frozen(name)

    def batch_mean(self, values: Tensor) -> Tensor:
        return self._networks.batch_mean(values)


class _Drawn:
    """How far torch's default generators have been drawn from, on the CPU and on a device."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._cpu = torch.get_rng_state()
        self._gpu = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def go_on(self) -> None:
        """Go on drawing from there."""
        torch.set_rng_state(self._cpu)
        if self._gpu is not None:
            torch.cuda.set_rng_state(self._gpu, self._device)
