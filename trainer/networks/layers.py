"""What several architectures share: normalisation, initial weights, and the block."""

from collections.abc import Iterable, Sequence
from math import gcd, prod, sqrt

from torch import Tensor, nn
from torch.nn.utils import parametrizations

from trainer.config.networks import IMAGE, Norm

STD = 0.02  # of weights, and of norms' scales
_WEIGHTED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
NUM_GROUPS = 32  # of Wu & He 2018; fewer where 32 does not divide the channels


class Block(nn.Sequential):
    """Layers that activation checkpointing runs twice, so as to keep none of their results but the first input."""


def norm_layer(kind: Norm, channels: int) -> nn.Module:
    """A normalisation of `channels` feature maps with a learnt scale and shift.

    `instance` has them too: the original pix2pix is batch normalisation at batch size 1.
    """
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    if kind == "group":
        return nn.GroupNorm(num_groups(channels), channels)
    return nn.Identity()


def activations_at(names: Sequence[str], layers: Iterable[tuple[str, nn.Module]], image: Tensor) -> tuple[Tensor, ...]:
    """Activations of layers, of which each takes what the last one gives, in the order of `names`; none beyond runs.

    Args:
        names: of layers, or "image".
        layers: all that there are, with their names.
    """
    found = {IMAGE: image}
    for name, layer in layers:
        if found.keys() >= set(names):
            break
        image = layer(image)
        if name in names:
            found[name] = image
            image = image.clone()  # without a norm, an activation in place would follow
    return tuple(found[name] for name in names)


def num_groups(channels: int) -> int:
    """Groups of equal size, of two channels at least: with one it would be instance normalisation."""
    groups = gcd(NUM_GROUPS, channels)
    return groups // 2 if groups == channels > 1 else groups


def needs_bias(kind: Norm) -> bool:
    """Whether a convolution in front of this normalisation has a bias.

    A norm over each channel removes the bias again: its gradient is rounding noise, which Adam blows up to full steps.
    """
    return kind in ("group", "none")  # a group of several channels keeps the difference of their biases


def init_network(module: nn.Module, *, norm: Norm, spectral_norm: bool = False) -> None:
    """Draw convolutions and linear layers from N(0, 0.02) and norms' scales from N(1, 0.02), biases zero.

    Isola et al. 2017 (6.2), as Radford et al. 2016 (section 4) before. A norm makes up for weights of any size. Without
    one, N(0, 0.02) shrinks the signal to a fifth at each layer of this width, and gradients likewise: the network would
    stay as it is. So without norms from N(0, 2 / fan_in) (He et al. 2015, arXiv:1502.01852, equation 10).

    Args:
        norm: of the module's levels.
        spectral_norm: divide each of these weights by its largest singular value, now and as it learns (Miyato et al.
            2018). The first estimate of that value is made of the weights as they begin.
    """
    _draw_weights(module, norm=norm)
    if spectral_norm:
        for layer in list(module.modules()):
            if isinstance(layer, _WEIGHTED):
                parametrizations.spectral_norm(layer)


def _draw_weights(module: nn.Module, *, norm: Norm) -> None:
    for layer in module.modules():
        if isinstance(layer, _WEIGHTED):
            nn.init.normal_(layer.weight, 0.0, STD)
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.InstanceNorm2d | nn.GroupNorm):
            nn.init.normal_(layer.weight, 1.0, STD)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    if norm != "none":
        return
    for layer in module.modules():
        if isinstance(layer, _WEIGHTED):
            nn.init.normal_(layer.weight, 0.0, sqrt(2 / _fan_in(layer)))


def _fan_in(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear) -> float:
    """Values that one value of the output is the sum of; a transposed convolution's stride leaves some of them out."""
    if isinstance(layer, nn.Linear):
        return layer.in_features
    skipped = prod(layer.stride) if isinstance(layer, nn.ConvTranspose2d) else 1
    return layer.in_channels * prod(layer.kernel_size) / skipped
