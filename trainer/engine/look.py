"""A closer look at one step: what the discriminators say, how large gradients and updates are, what was made.

All of it stays on the device until a line is due, and nothing is drawn: losses are the same with and without a look.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from trainer.config.adversarial import AdversarialConfig
from trainer.data.batch import Batch
from trainer.engine.outputs import OutputStatistics, made_images
from trainer.engine.player import PlayerEngine, Watcher
from trainer.losses.verdicts import Logits, listening, single_verdicts, verdicts

MOST_VERDICTS = 4096
_MOST_OF_A_WEIGHT = 2**16
"""Numbers of each weight that are kept over a step to see how far it moves: memory must not grow with the network."""


class StepWatcher(Watcher, Protocol):
    """What the engine tells of a step while it makes it."""

    def at_player(self, name: str, player: PlayerEngine) -> AbstractContextManager[None]:
        """Around a player's losses and its step, of all micro-batches."""
        ...

    def at_outputs(self, fakes: Mapping[str, Tensor], batch: Batch) -> None:
        """What the generators' pass has made of a micro-batch."""
        ...


@dataclass(eq=False)
class Look:
    """Scalars of one step on this rank, under the keys of metrics."""

    outputs: OutputStatistics
    is_paired: bool
    scalars: dict[str, Tensor] = field(default_factory=dict)
    values: dict[str, Tensor] = field(default_factory=dict)
    """Single verdicts, at most `MOST_VERDICTS` of a player and kind: `game/<player>/verdicts_real`."""
    _verdicts: list[dict[str, Tensor]] = field(default_factory=list)
    _each: dict[str, list[Tensor]] = field(default_factory=dict)
    _before: list[Tensor] = field(default_factory=list)
    _name: str = ""

    @contextmanager
    def at_player(self, name: str, player: PlayerEngine) -> Iterator[None]:
        """Hear what a discriminator says while its losses are made: `game/<player>/score_real` and the like."""
        self._name = name
        if not player.player.is_discriminator:
            yield
            return
        with listening(self._hear):
            yield
        if self._verdicts:
            for key in self._verdicts[0]:
                mean = torch.stack([each[key] for each in self._verdicts]).mean()
                self.scalars[f"game/{name}/{key}"] = mean
        self._verdicts = []
        for kind, parts in self._each.items():
            self.values[f"game/{name}/verdicts_{kind}"] = torch.cat(parts)[:MOST_VERDICTS]
        self._each = {}

    def _hear(self, config: AdversarialConfig, real: Logits, fake: Logits) -> None:
        self._verdicts.append(verdicts(config, real=real, fake=fake))
        for kind, logits in (("real", real), ("fake", fake)):
            self._each.setdefault(kind, []).append(single_verdicts(config, logits))

    @torch.no_grad()
    def before_update(self, player: PlayerEngine) -> None:
        """After the backward pass: `gradient/<player>/norm`, unclipped; at ZeRO 1 to 3 see `after_update`."""
        self._before = [part.clone() for part in _parts(player.networks)]
        if not player.splits_gradients:
            found = [weight.grad for weight in player.networks.parameters() if weight.grad is not None]
            norm = nn.utils.get_total_norm(found) if found else torch.zeros((), device=_device(player))
            self.scalars[f"gradient/{self._name}/norm"] = norm.float() / player.scale

    @torch.no_grad()
    def after_update(self, player: PlayerEngine) -> None:
        """After the step: `update/<player>/ratio`, how far weights moved against how large they were.

        At ZeRO 1 to 3 gradients are in parts, and DeepSpeed tells their norm now; at ZeRO 3 weights are, too, and each
        rank looks at its own part of them.
        """
        if player.splits_gradients:
            norm = player.engine.get_global_grad_norm()
            if norm is not None:
                norm = torch.as_tensor(norm, dtype=torch.float32, device=_device(player))
                self.scalars[f"gradient/{self._name}/norm"] = norm
        after = _parts(player.networks)
        moved = torch.stack([(new - old).norm() for new, old in zip(after, self._before, strict=True)])
        size = torch.stack([old.norm() for old in self._before])
        self.scalars[f"update/{self._name}/ratio"] = (moved.norm() / size.norm().clamp(min=1e-12)).float()
        self._before = []

    def at_outputs(self, fakes: Mapping[str, Tensor], batch: Batch) -> None:
        """See `OutputStatistics`."""
        for made in made_images(fakes, batch, is_paired=self.is_paired):
            self.scalars |= self.outputs(made)

    @torch.no_grad()
    def at_average(self, averaged: Mapping[str, nn.Module], networks: Mapping[str, nn.Module]) -> None:
        """`average/<network>/distance`: of averaged from present weights, against the size of these."""
        for name, network in networks.items():
            pairs = list(zip(averaged[name].parameters(), network.parameters(), strict=True))
            away = torch.stack([(one - other).norm() for one, other in pairs]).norm()
            size = torch.stack([other.norm() for _, other in pairs]).norm()
            self.scalars[f"average/{name}/distance"] = (away / size.clamp(min=1e-12)).float()


def _device(player: PlayerEngine) -> torch.device:
    return next(player.networks.parameters()).device


def _parts(networks: nn.Module) -> list[Tensor]:
    """The first rows of each weight; at ZeRO 3 of this rank's part of it."""
    weights = [
        getattr(weight, "ds_tensor", weight).detach() for weight in networks.parameters() if weight.requires_grad
    ]
    return [_first_rows(weight) for weight in weights]


def _first_rows(weight: Tensor) -> Tensor:
    if weight.ndim == 0 or weight.numel() == 0:
        return weight
    rows = max(1, _MOST_OF_A_WEIGHT * len(weight) // weight.numel())
    return weight[:rows].float()
