"""The residual generator of CycleGAN (Zhu et al. 2017, arXiv:1703.10593, section 7.2), after Johnson et al. 2016."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from trainer.config.networks import GeneratorConfig
from trainer.networks.layers import Block, activations_at, init_network, needs_bias, norm_layer
from trainer.networks.reflection import ReflectingConv
from trainer.networks.scaling import BlurPool, doubling


class ResNet(nn.Module):
    """c7s1-64, d128, d256, R256 x `num_blocks`, u128, u64, c7s1-3, each with a norm and a ReLU but the last.

    There are as many d and u as `num_halvings`: the paper's are 2.

    Args:
        in_channels: channels of the input view.
        out_channels: channels of the output view.

    Shape: (N, in_channels, H, W) -> (N, out_channels, H, W) in [-1, 1]; H and W multiples of
    `config.stride`, at least twice that, and at least 4.
    """

    def __init__(self, config: GeneratorConfig, *, in_channels: int, out_channels: int) -> None:
        super().__init__()
        widths = [config.num_filters * 2**level for level in range(config.num_halvings + 1)]
        layers = _layer(_reflecting(in_channels, widths[0], kernel=7, config=config), config)
        for narrow, wide in pairwise(widths):
            layers += _halving(narrow, wide, config)
        self.encoder = nn.Sequential(*layers)
        blocks = [ResidualBlock(config, channels=widths[-1]) for _ in range(config.num_blocks)]
        self.blocks = nn.Sequential(*blocks)
        layers = []
        for wide, narrow in pairwise(reversed(widths)):
            double = doubling(wide, narrow, 3, how=config.upsampling, bias=needs_bias(config.norm))
            layers += [double, norm_layer(config.norm, narrow), nn.ReLU(inplace=True)]
        last = ReflectingConv(widths[0], out_channels, 7)
        self.decoder = nn.Sequential(*layers, last, nn.Tanh())
        init_network(self, norm=config.norm, spectral_norm=config.spectral_norm)
        if config.norm == "none" and not config.spectral_norm:  # which bounds what blocks add, too
            for block in blocks:
                block.begin_as_identity()

    def forward(self, image: Tensor, layers: Sequence[str] = ()) -> Any:
        """Translate (N, C, H, W) in [-1, 1]; where some of `GeneratorConfig.layers` are named, what they give.

        A name in `encoder` stands for a convolution, before its norm and activation, for a norm, or for an activation.
        """
        if layers:
            parts = (("encoder", self.encoder), ("blocks", self.blocks))
            chain = ((f"{part}.{place}", layer) for part, inner in parts for place, layer in enumerate(inner))
            return activations_at(layers, chain, image)
        return self.decoder(self.blocks(self.encoder(image)))


class ResidualBlock(nn.Module):
    """x + (conv - norm - ReLU - dropout - conv - norm)(x), without an activation after the sum."""

    def __init__(self, config: GeneratorConfig, *, channels: int) -> None:
        super().__init__()
        layers = _layer(_reflecting(channels, channels, kernel=3, config=config), config)
        if config.dropout > 0:
            layers.append(nn.Dropout(config.dropout))
        layers += [_reflecting(channels, channels, kernel=3, config=config), norm_layer(config.norm, channels)]
        self.layers = Block(*layers)

    def forward(self, features: Tensor) -> Tensor:
        return features + self.layers(features)

    def begin_as_identity(self) -> None:
        """Set the last convolution to zero (Zhang et al. 2019, arXiv:1901.09321): without a norm each block would
        double the variance, and training spike.
        """
        *_, last = (layer for layer in self.layers if isinstance(layer, nn.Conv2d))
        for parameter in last.parameters():
            nn.init.zeros_(parameter)


def _layer(convolution: nn.Conv2d, config: GeneratorConfig) -> list[nn.Module]:
    return [convolution, norm_layer(config.norm, convolution.out_channels), nn.ReLU(inplace=True)]


def _reflecting(channels_in: int, channels_out: int, *, kernel: int, config: GeneratorConfig) -> nn.Conv2d:
    return ReflectingConv(channels_in, channels_out, kernel, bias=needs_bias(config.norm))


def _halving(channels_in: int, channels_out: int, config: GeneratorConfig) -> list[nn.Module]:
    """The paper's convolution of stride 2; blurred, as CUT's authors have it, it is the activation that is halved."""
    is_blurred = config.downsampling == "blurred"
    stride = 1 if is_blurred else 2
    convolution = nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=needs_bias(config.norm))
    *layers, activation = _layer(convolution, config)
    return [*layers, nn.Sequential(activation, BlurPool()) if is_blurred else activation]
