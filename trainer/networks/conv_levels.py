"""The strided convolutions that lead from an image to 4x4 features, of encoders and discriminators alike."""

from torch import nn

from trainer.config.latent import num_levels
from trainer.config.networks import Norm
from trainer.networks.layers import Block, needs_bias, norm_layer
from trainer.networks.scaling import halving

SLOPE = 0.2  # of LeakyReLU, where features are negative


def level_widths(num_filters: int, *, side: int) -> list[int]:
    """Channels of each level from the image on, doubled at each up to 8 times: 64-128-256-512 at 64 pixels."""
    return [num_filters * min(2**level, 8) for level in range(num_levels(side))]


def strided_levels(
    widths: list[int], *, in_channels: int, num_conditions: int, norm: Norm, kernel: int
) -> nn.ModuleList:
    """Each level: Conv of stride 2 - norm - LeakyReLU 0.2; no norm in the first (Radford et al. 2016, section 3).

    Args:
        num_conditions: channels that are joined to the first level's output.
    """
    inputs = [in_channels, widths[0] + num_conditions, *widths[1:]]
    return nn.ModuleList(
        _strided_level(channels_in, width, kernel, norm="none" if level == 0 else norm)
        for level, (channels_in, width) in enumerate(zip(inputs, widths, strict=False))
    )


def _strided_level(channels_in: int, channels_out: int, kernel: int, *, norm: Norm) -> Block:
    return Block(
        halving(channels_in, channels_out, kernel, how="strided", bias=needs_bias(norm)),
        norm_layer(norm, channels_out),
        nn.LeakyReLU(SLOPE, inplace=True),
    )
