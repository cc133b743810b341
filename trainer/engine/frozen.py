"""Parts of networks that do not train: `train.frozen`."""

from collections.abc import Iterator, Mapping, Sequence

from torch import nn

from trainer.config.errors import ConfigError
from trainer.methods.base import Player

FIELD = "train.frozen"


def freeze(players: Mapping[str, Player], names: Sequence[str]) -> None:
    """Let parameters keep their values: those of the networks or parts that are named, e.g. `generator.encoder`.

    Statistics of batch normalisation follow the batches all the same. To be called before an engine has the players.

    Raises:
        ConfigError: a name is of no parameter, or leaves a player with nothing to train.
    """
    for name in names:
        found = [parameter for key, parameter in _parameters(players) if f"{key}.".startswith(f"{name}.")]
        if not found:
            raise ConfigError(FIELD, name, f"is no part of this method's networks; they are {_parts(players)}.")
        for parameter in found:
            parameter.requires_grad_(False)
    for player_name, player in players.items():
        if not trained(player.networks):
            networks = ", ".join(player.networks)
            raise ConfigError(FIELD, list(names), f"leaves nothing to train of {player_name} ({networks}); name parts.")


def trained(networks: nn.Module) -> list[nn.Parameter]:
    """Parameters that are not frozen."""
    return [parameter for parameter in networks.parameters() if parameter.requires_grad]


def _parameters(players: Mapping[str, Player]) -> Iterator[tuple[str, nn.Parameter]]:
    for player in players.values():
        # Layers that two networks share have a name in each.
        yield from player.networks.named_parameters(remove_duplicate=False)


def _parts(players: Mapping[str, Player]) -> str:
    """Networks, and what they are made of."""
    return ", ".join(
        f"{name} ({', '.join(f'{name}.{child}' for child, _ in network.named_children())})"
        for player in players.values()
        for name, network in player.networks.items()
    )
