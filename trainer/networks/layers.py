"""What several architectures share: normalisation and initial weights."""

from torch import nn

from trainer.config import Norm


def norm_layer(kind: Norm, channels: int) -> nn.Module:
    """A normalisation of `channels` feature maps with a learnt scale and shift.

    `instance` has them too: the original pix2pix is batch normalisation at batch size 1.
    """
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    return nn.Identity()


def needs_bias(kind: Norm) -> bool:
    """Whether a convolution in front of this normalisation has a bias.

    A norm removes the bias again: its gradient is rounding noise, which Adam blows up to full steps.
    """
    return kind == "none"


def init_weights(module: nn.Module, *, std: float = 0.02) -> None:
    """Draw convolutions from N(0, std) and norms' scales from N(1, std), biases zero (Isola et al. 2017, 6.2)."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, std)
        elif isinstance(layer, nn.BatchNorm2d | nn.InstanceNorm2d) and layer.weight is not None:
            nn.init.normal_(layer.weight, 1.0, std)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
