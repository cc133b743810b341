"""Networks of a two-way method that are small enough to work out, on images of one value each.

G: x -> x / 2 and F: y -> y + 1/2, so of x = 1/2 and y = -1/2: G(x) = 1/4, F(G(x)) = 3/4, F(y) = 0, G(F(y)) = 0.
D_a: x -> x + 2 and D_b: y -> 2 y, so D_a is 5/2 of x and 2 of F(y); D_b is -1 of y and 1/2 of G(x).
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.methods.base import Method, Networks

X = torch.full((1, 1, 2, 2), 0.5)
Y = torch.full((1, 1, 2, 2), -0.5)
TASK = Task(channels_a=1, channels_b=1, side=16)

NETWORKS = Networks(
    {
        "generator_a2b": lambda x: x / 2,
        "generator_b2a": lambda y: y + 0.5,
        "discriminator_a": lambda x: x + 2,
        "discriminator_b": lambda y: 2 * y,
    },
    {name: nn.Identity() for name in ("generator_a2b", "generator_b2a")},
)


def batch_of(a: Tensor, b: Tensor, *, position: int = 0) -> Batch:
    return Batch(a=a, b=b, index=torch.arange(position, position + len(a)))


def values(losses: Mapping[str, Tensor]) -> dict[str, float]:
    return {name: loss.item() for name, loss in losses.items()}


def losses_of(method: Method, player: str, *, networks: Networks = NETWORKS, position: int = 0) -> dict[str, float]:
    """On X and Y."""
    batch = batch_of(X, Y, position=position)
    return values(method.losses(player, networks, batch, method.forward(networks, batch)))


def own_networks(method: Method) -> Networks:
    """The networks that the method built."""
    modules = {name: network for player in method.players.values() for name, network in player.networks.items()}
    return Networks(modules, modules)


def thrice() -> nn.Module:
    """The convolution x -> 3 x. Of 2x2 pixels, the mean of its results has the gradient 3/4 in each, of norm 3/2."""
    layer = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(layer.weight, 3.0)
    return layer


def check_that_players_train_alone(method: Method, *, side: int) -> None:
    """Each player's losses reach all of its own weights through frozen rivals; the discriminators' reach no others."""
    networks = own_networks(method)
    batch = batch_of(torch.randn(2, 1, side, side), torch.randn(2, 1, side, side))
    discriminators, generators = (method.players[name].networks for name in ("discriminators", "generators"))
    fakes = method.forward(networks, batch)
    _backward(method.losses("discriminators", networks, batch, fakes))
    assert all(p.grad is not None for p in discriminators.parameters())
    assert all(p.grad is None for p in generators.parameters())
    discriminators.requires_grad_(False).zero_grad()
    _backward(method.losses("generators", networks, batch, fakes))
    assert all(p.grad is not None for p in generators.parameters())
    assert all(p.grad is None for p in discriminators.parameters())


def _backward(losses: Mapping[str, Tensor]) -> None:
    torch.stack(list(losses.values())).sum().backward()
