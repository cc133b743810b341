"""The contract between a method and the engine that trains it."""

from collections.abc import Callable, Mapping
from typing import Protocol

from torch import Tensor, nn

from trainer.config import Pix2PixConfig
from trainer.data.batch import Batch

Network = Callable[[Tensor], Tensor]
Networks = Mapping[str, Network]
"""Networks by name, ready to be called: float32 in and out. Precision and distribution are the engine's business."""


class Method(Protocol):
    """A set of players and what each of them minimises."""

    players: dict[str, nn.ModuleDict]
    """Each player's networks by name, in the order in which the players step. Names are unique over all players."""

    generators: tuple[str, ...]
    """The networks that translate: those whose moving average is kept."""

    trains_at_test_time: bool
    """Whether networks stay in training mode (dropout, batch statistics) when they translate."""

    def forward(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """The generators' pass, made once per step; its results reach every player's losses."""
        ...

    def losses(self, player: str, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Scalars that `player` minimises the sum of, already weighted, in the paper's terms.

        Fakes carry the generators' graph: a player that does not own the generator detaches them.
        """
        ...

    def translate(self, networks: Networks, image: Tensor) -> Tensor:
        """(N, C, H, W) of view a in [-1, 1] -> view b in [-1, 1], as the paper does it at test time."""
        ...


def build_method(config: Pix2PixConfig, *, channels_a: int, channels_b: int) -> Method:
    """The method that `config` describes, with freshly drawn weights (seed torch before)."""
    from trainer.methods.pix2pix import Pix2Pix

    return Pix2Pix(config, channels_a=channels_a, channels_b=channels_b)
