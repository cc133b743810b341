"""The contract between a method and the engine that trains it."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from math import lcm
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from trainer.data.batch import Batch
from trainer.losses.pool import ImagePool
from trainer.methods.codes import Codes
from trainer.methods.freezing import without_gradients
from trainer.methods.joining import joined, keeps_images_apart

Network = Callable[..., Any]
"""Tensors to a tensor, or a tuple of them; float32 in and out."""


class Networks(Mapping[str, Network]):
    """Networks by name, ready to be called. Precision and distribution are the engine's business.

    Args:
        calls: each network as it is to be called.
        modules: each network as a plain module.
        plain: each network as it is to be called where its weights take no gradient; `calls` unless given.
        mean_over_ranks: a tensor to its mean over all processes that train together; one process has its own.
        joins_calls: whether `each` may give a network several batches at once: faster where its weights are cast at
            each call; gradients are sums in another order. Not at ZeRO 3, where a network that is called once in a step
            which is then skipped keeps its gathered weights, in 16 bits, and whoever asks for weights gets those.
    """

    def __init__(
        self,
        calls: Mapping[str, Network],
        modules: Mapping[str, nn.Module],
        *,
        plain: Mapping[str, Network] | None = None,
        mean_over_ranks: Callable[[Tensor], Tensor] = lambda values: values,
        joins_calls: bool = False,
    ) -> None:
        self._calls = calls
        self._modules = modules
        self._plain = calls if plain is None else plain
        self._mean_over_ranks = mean_over_ranks
        self._joins_calls = joins_calls

    def __getitem__(self, name: str) -> Network:
        return self._calls[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._calls)

    def __len__(self) -> int:
        return len(self._calls)

    def module(self, name: str) -> nn.Module:
        """The network itself: for gradients of gradients, which no engine can wrap, and for its state."""
        return self._modules[name]

    def each(self, name: str, *batches: Tensor) -> tuple[Any, ...]:
        """What a network makes of each of several batches of images, which differ in their number alone."""
        if len(batches) > 1 and self._joins_calls and keeps_images_apart(self._modules[name]):
            return joined(self[name], batches)
        return tuple(self[name](batch) for batch in batches)

    def frozen(self, name: str) -> Network:
        """The network as a fixed function, also where it is the player's own: gradients reach what it is given, not its
        weights. For terms that a part of a player is not to learn from; rivals are frozen already.
        """
        call, module = self._plain[name], self._modules[name]

        def call_frozen(*inputs: Any) -> Any:
            with without_gradients(module.parameters()):
                return call(*inputs)

        return call_frozen

    def batch_mean(self, values: Tensor) -> Tensor:
        """(N, ...) -> (...), the mean over a micro-batch of all ranks, for losses that are no means over images.

        Those that are need nothing of the kind: their gradients are averaged over the ranks.
        """
        return self._mean_over_ranks(values.mean(dim=0))


@dataclass(frozen=True, kw_only=True, eq=False)
class Player:
    """Networks that step together: one optimizer, one loss."""

    networks: nn.ModuleDict
    """By name; names are unique over all players."""
    is_discriminator: bool = False
    """Discriminators and critics have a learning rate of their own."""
    period: int = 1
    """It steps once in this many steps of the run; generators wait for their critics so, or they for them."""
    weight_clip: float = 0.0
    """After each of its steps, weights are cut to plus or minus this; 0 is off."""


def steps_of_turn(players: Mapping[str, Player]) -> int:
    """Steps until each player has stepped: those with a period take turns."""
    return lcm(*(player.period for player in players.values()))


class Method(Protocol):
    """A set of players and what each of them minimises. Methods inherit from it what they leave as it is."""

    players: dict[str, Player]
    """By name, in the order in which they step."""

    averaged: tuple[str, ...]
    """The networks that translate, sample or encode: those whose moving average is kept and used."""

    trains_at_test_time: bool = False
    """Whether networks stay in training mode (dropout, batch statistics) when they are used."""

    pauses_players: bool = False
    """Whether players that are due may sit out a step, as `pauses` says of `costs`."""

    translates_by_chance: bool = False
    """Whether `translate` and `translate_back` draw from torch's default generator, so that another seed makes another
    translation. Dropout that is on at test time needs no mention."""

    pools: Mapping[str, ImagePool] = MappingProxyType({})
    """Histories of generated images, by name; kept in checkpoints."""

    def forward(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """The generators' pass, made once per step; its results reach every player's losses."""
        ...

    def losses(self, player: str, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Scalars that `player` minimises the sum of, already weighted, in the paper's terms.

        The player's own networks train when called; the others are frozen. Fakes carry the graph of the player whose
        networks made them, and of no other: all other players detach them.
        """
        ...

    def costs(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """Scalars that `pauses` decides by, means over the batch, before any player has stepped; without gradients."""
        return {}

    def pauses(self, costs: Mapping[str, float]) -> Collection[str]:
        """Players that are not to step this time, by costs that are means over all images of the step."""
        return ()

    def columns(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """What a picture of the method shows of a batch: titles, and (N, C, H, W) in [-1, 1] of each.

        Noise comes from torch's default generator, which the caller seeds.
        """
        ...


@runtime_checkable
class Translates(Protocol):
    """A method that makes view b of view a; where both are one view, reconstructs it."""

    def translate(self, networks: Networks, image: Tensor) -> Tensor:
        """(N, C, H, W) of view a in [-1, 1] -> view b in [-1, 1], as the paper does it at test time."""
        ...


@runtime_checkable
class Varies(Translates, Protocol):
    """A method whose `translate` is the mean or the likeliest of translations that it can also draw."""

    @property
    def varies(self) -> bool:
        """Whether it can, with the settings that it has."""
        ...

    def vary(self, networks: Networks, image: Tensor) -> Tensor:
        """As `translate`, but drawn with torch's default generator."""
        ...


@runtime_checkable
class TakesStyle(Translates, Protocol):
    """A method that can make the translation look as an image of view b does."""

    def translate_styled(self, networks: Networks, image: Tensor, style: Tensor) -> Tensor:
        """As `translate`, in the style of (N, C, H, W) of view b."""
        ...


@runtime_checkable
class TranslatesBack(Translates, Protocol):
    """A method that also makes view a of view b."""

    def translate_back(self, networks: Networks, image: Tensor) -> Tensor:
        """(N, C, H, W) of view b in [-1, 1] -> view a in [-1, 1]."""
        ...


@runtime_checkable
class Samples(Protocol):
    """A method that draws images of view b from noise."""

    def sample(self, networks: Networks, num: int, label: Tensor | None) -> Tensor:
        """(num, C, H, W) in [-1, 1] from torch's default generator; label int64 (num,) where the method has labels."""
        ...


@runtime_checkable
class SamplesViews(Samples, Protocol):
    """A method that draws several views of one thing at once."""

    def sample_views(self, networks: Networks, num: int, label: Tensor | None) -> Mapping[str, Tensor]:
        """As `sample`, but of each view, "a" and "b"; the n-th of all of them belong together."""
        ...


@runtime_checkable
class Relabels(Protocol):
    """A method that shows the same thing with another label: a face at another age."""

    def relabel(
        self, networks: Networks, image: Tensor, label: Tensor, kept: Mapping[str, Tensor] = MappingProxyType({})
    ) -> Tensor:
        """(N, C, H, W) in [-1, 1] and int64 (N,) -> (N, C, H, W) in [-1, 1].

        Args:
            kept: the images' own labels, int64 (N,) by name: all of the section's `further_labels`.
        """
        ...


@runtime_checkable
class Encodes(Protocol):
    """A method with a code for each image: codes can be mixed, and moved along an attribute's direction."""

    def encode(self, networks: Networks, image: Tensor) -> Codes:
        """(N, C, H, W) in [-1, 1] -> (N, ...) codes: a tensor, or a tuple or dataclass of several."""
        ...

    def decode(self, networks: Networks, code: Codes) -> Tensor:
        """(N, ...) codes -> (N, C, H, W) in [-1, 1]."""
        ...
