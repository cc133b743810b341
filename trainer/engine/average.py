"""The exponential moving average of the generators' weights (Yazici et al. 2019, arXiv:1806.04498)."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from trainer.ranks.sync_norm import stop_synchronising

STATISTICS = ("running_mean", "running_var")
RAMP_UP = 0.05
"""Early in a run the half-life is this fraction of the images seen, so that initial weights are soon forgotten."""


class MovingAverage:
    """Averaged copies of networks, in float32.

    Running statistics of batch norm are averaged as weights are: those of the networks as they are now would be of
    other features than the averaged weights make. All else in buffers, such as spectral norm's vectors, is copied.

    Args:
        networks: the networks to follow, by name.
        half_life_kimg: thousands of images after which a weight counts half; 0 follows the networks exactly.
    """

    def __init__(self, networks: Mapping[str, nn.Module], *, half_life_kimg: float) -> None:
        self.half_life_kimg = half_life_kimg
        self.networks = {name: copy.deepcopy(net).requires_grad_(False) for name, net in networks.items()}
        for network in self.networks.values():
            stop_synchronising(network)
            _forget_hooks(network)

    @torch.no_grad()
    def update(self, networks: Mapping[str, nn.Module], *, position: int, num_images: int) -> None:
        """Follow `networks`, which have seen `position` images, the last `num_images` of them since last time."""
        decay = self.decay(position=position, num_images=num_images)
        for name, average in self.networks.items():
            source = networks[name]
            averaged, others = _by_kind(average)
            followed, copied = _by_kind(source)
            get_ema_multi_avg_fn(decay)(averaged, followed, 1)
            for target, value in zip(others, copied, strict=True):
                target.copy_(value)

    def decay(self, *, position: int, num_images: int) -> float:
        """Weight of the past: 0.5 ** (num_images / half-life in images)."""
        half_life = min(self.half_life_kimg * 1000, RAMP_UP * position)
        return 0.5 ** (num_images / half_life) if half_life > 0 else 0.0

    def state_dict(self) -> dict[str, dict[str, Tensor]]:
        return {name: network.state_dict() for name, network in self.networks.items()}

    def load_state_dict(self, state: Mapping[str, Mapping[str, Tensor]]) -> None:
        for name, network in self.networks.items():
            network.load_state_dict(state[name])


def _forget_hooks(network: nn.Module) -> None:
    """Those of ZeRO 3, copied along, would gather weights that the copy does not share."""
    for module in network.modules():
        for hooks in (module._forward_pre_hooks, module._forward_hooks, module._backward_hooks):
            hooks.clear()
        module._forward_pre_hooks_with_kwargs.clear()
        module._forward_hooks_with_kwargs.clear()
        module._forward_hooks_always_called.clear()


def _by_kind(network: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """What is averaged of a network, and what is not."""
    buffers = list(network.named_buffers())
    statistics = [buffer for name, buffer in buffers if name.endswith(STATISTICS)]
    others = [buffer for name, buffer in buffers if not name.endswith(STATISTICS)]
    return [*network.parameters(), *statistics], others
