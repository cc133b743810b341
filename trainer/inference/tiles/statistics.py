"""Norms that take their statistics of a picture, whichever part of it they are given.

An instance norm, and a batch norm that uses what it is given, makes mean and spread of each channel of a tile alike: a
tile of plain sky would come out with the contrast of a city, and neighbours of different brightness. So a few tiles,
spread over the picture, go through the networks together first; their common statistics are used for all tiles.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def takes_statistics(layer: nn.Module) -> bool:
    """Whether what a layer makes of a pixel depends on the other pixels' mean and spread."""
    if isinstance(layer, _BatchNorm):
        return layer.training
    return isinstance(layer, nn.InstanceNorm2d | nn.GroupNorm)


class _Norm:
    """One layer: listens while the sample passes, and repeats what it heard."""

    def __init__(self, layer: nn.Module) -> None:
        self._layer: Any = layer
        self._groups = layer.num_groups if isinstance(layer, nn.GroupNorm) else None
        self._heard: list[tuple[Tensor, Tensor]] = []
        self._calls = 0
        self.listens = True

    def __call__(self, image: Tensor) -> Tensor:
        if self.listens:
            self._heard.append(self._statistics(image))
            mean, scale = self._heard[-1]
        else:
            mean, scale = self._heard[self._calls % len(self._heard)]  # a layer may be called several times in a pass
            self._calls += 1
        normed = (image.float() - mean) * scale
        if (weight := self._layer.weight) is not None:
            normed = normed * weight.view(1, -1, 1, 1) + self._layer.bias.view(1, -1, 1, 1)
        return normed.to(image.dtype)

    def _statistics(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and 1 / spread (1, C, 1, 1) over all images and pixels; of a group norm of its groups' channels too."""
        channels = image.shape[1]
        grouped = image.float().movedim(1, 0).reshape(self._groups or channels, -1)
        variance, mean = torch.var_mean(grouped, dim=1, correction=0)
        repeats = channels // grouped.shape[0]
        scale = torch.rsqrt(variance + self._layer.eps)
        shape = (1, -1, 1, 1)
        return mean.repeat_interleave(repeats).view(shape), scale.repeat_interleave(repeats).view(shape)


@contextmanager
def common_statistics(networks: Iterable[nn.Module], sample: Callable[[], object]) -> Iterator[None]:
    """Inside, norms of the networks use the statistics that they had when `sample` was called: a pass over some tiles.

    Nothing is changed, and `sample` not called, where no layer takes statistics.
    """
    layers = [layer for network in networks for layer in network.modules() if takes_statistics(layer)]
    norms = [_Norm(layer) for layer in layers]
    for layer, norm in zip(layers, norms, strict=True):
        layer.forward = norm
    try:
        if norms:
            sample()
        for norm in norms:
            norm.listens = False
        yield
    finally:
        for layer in layers:
            del layer.forward
