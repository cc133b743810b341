"""Plays a method's players as an engine does, and looks at what their losses reach."""

from collections.abc import Mapping

import torch
from torch import Tensor

from trainer.data.batch import Batch
from trainer.methods.base import Method, Networks


def own_networks(method: Method) -> Networks:
    """The networks that the method built."""
    modules = {name: network for player in method.players.values() for name, network in player.networks.items()}
    return Networks(modules, modules)


def losses_of(method: Method, player: str, batch: Batch, networks: Networks) -> dict[str, float]:
    """Of one player, after the generators' pass."""
    losses = method.losses(player, networks, batch, method.forward(networks, batch))
    return {name: loss.item() for name, loss in losses.items()}


def check_that_players_train_alone(method: Method, batch: Batch) -> None:
    """Each player's losses reach all of its own weights, and none of its rivals', which are frozen."""
    networks = own_networks(method)
    fakes = method.forward(networks, batch)
    for name, player in method.players.items():
        rivals = [rival for rival in method.players.values() if rival is not player]
        for rival in rivals:
            rival.networks.requires_grad_(False)
        _backward(method.losses(name, networks, batch, fakes))
        for rival in rivals:
            rival.networks.requires_grad_(True)
            assert all(parameter.grad is None for parameter in rival.networks.parameters()), name
        assert all(parameter.grad is not None for parameter in player.networks.parameters()), name
        player.networks.zero_grad()


def _backward(losses: Mapping[str, Tensor]) -> None:
    torch.stack(list(losses.values())).sum().backward()
