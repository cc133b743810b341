"""Which layers of trained networks go on as in training when they are used: dropout, and statistics of the batch."""

from collections.abc import Iterable, Iterator, Mapping

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from trainer.config.errors import ConfigError
from trainer.inference.usage import Usage


def set_modes(networks: Iterable[nn.Module], usage: Usage, *, of_method: bool) -> None:
    """Let dropouts and batch norms do as `usage` says; all else, such as spectral norm, is at rest."""
    for network in networks:
        network.eval()
        for layer in network.modules():
            if isinstance(layer, _DropoutNd):
                layer.train(usage.drops(of_method=of_method))
            elif isinstance(layer, _BatchNorm):
                layer.train(usage.takes_batch_statistics(of_method=of_method))
                layer.track_running_stats = not layer.training  # those of training stay as they are


def _layers(networks: Iterable[nn.Module]) -> Iterator[nn.Module]:
    return (layer for network in networks for layer in network.modules())


def dropouts(networks: Iterable[nn.Module]) -> list[_DropoutNd]:
    """Those that drop anything."""
    return [layer for layer in _layers(networks) if isinstance(layer, _DropoutNd) and layer.p > 0]


def require_takers(networks: Mapping[str, nn.Module], usage: Usage, *, method: str) -> None:
    """Raises ConfigError where `usage` speaks of what none of the networks has.

    Args:
        method: its name, for the message.
    """
    norms = [layer for layer in _layers(networks.values()) if isinstance(layer, _BatchNorm)]
    for field, value, what, takers in (
        ("dropout", usage.dropout, "dropout", dropouts(networks.values())),
        ("batch_statistics", usage.batch_statistics, "batch norm", norms),
    ):
        if value != "auto" and not takers:
            remedy = f"the run's networks ({', '.join(networks)}, method.name = {method!r}) have no {what}; use auto."
            raise ConfigError(field, value, remedy)
