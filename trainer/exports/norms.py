"""Normalisation by each picture's own statistics, in operations that every exporter knows."""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


class PictureNorm(nn.Module):
    """(x - mean) / sqrt(var + eps) over each picture and channel (Ulyanov et al. 2016, arXiv:1607.08022), scale, shift.

    Exporters write instance norm for the number of pictures that they have seen, with weights repeated as often; these
    are plain means, for any number.

    Args:
        norm: an instance norm, or a batch norm that takes the statistics of what it is given. Of one picture these are
            the same, and `diptych translate` gives it one at a time.

    Shape: (N, C, H, W) -> likewise.
    """

    def __init__(self, norm: nn.InstanceNorm2d | nn.BatchNorm2d) -> None:
        super().__init__()
        self.eps = norm.eps
        self.weight, self.bias = norm.weight, norm.bias

    def forward(self, features: Tensor) -> Tensor:
        centred = features - features.mean(dim=(2, 3), keepdim=True)
        normed = centred * torch.rsqrt(centred.square().mean(dim=(2, 3), keepdim=True) + self.eps)
        return normed * self.weight[:, None, None] + self.bias[:, None, None]


def simplify(network: nn.Module) -> None:
    """Set `PictureNorm` in the place of norms by a picture's statistics, and weights in the place of their recipes.

    The latter are those of spectral norm, which no longer change.
    """
    for name, layer in list(network.named_children()):
        if isinstance(layer, nn.InstanceNorm2d) or (isinstance(layer, nn.BatchNorm2d) and layer.training):
            setattr(network, name, PictureNorm(layer))
            continue
        if parametrize.is_parametrized(layer):
            for parameter in list(getattr(layer, "parametrizations", {})):
                parametrize.remove_parametrizations(layer, parameter)
        simplify(layer)
