"""The U-Net generator of pix2pix (Isola et al. 2017, arXiv:1611.07004, section 6.1.1)."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config.networks import GeneratorConfig
from trainer.networks.layers import Block, activations_at, init_network, needs_bias, norm_layer
from trainer.networks.scaling import doubling, halving


class UNet(nn.Module):
    """C64-C128-C256-C512-C512-... down to the bottleneck and back up, each level joined to its mirror.

    Skips `dense` bring beside the mirror all shallower levels of the encoder, max-pooled to its size: the encoder's
    half of the full-scale skips of UNet 3+ (Huang et al. 2020, arXiv:2004.08790, 2.1), without its convolutions.

    Args:
        in_channels: channels of the input view.
        out_channels: channels of the output view.

    Shape: (N, in_channels, H, W) -> (N, out_channels, H, W) in [-1, 1]; H and W multiples of `config.stride`.
    """

    def __init__(self, config: GeneratorConfig, *, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.skips = config.skips
        widths = [config.num_filters * min(2**level, 8) for level in range(config.num_downs)]
        self.encoder = nn.ModuleList(
            _encoder_level(
                channels_in=in_channels if level == 0 else widths[level - 1],
                channels_out=width,
                config=config,
                outermost=level == 0,
                innermost=level == config.num_downs - 1,
            )
            for level, width in enumerate(widths)
        )
        self.decoder = nn.ModuleList(
            _decoder_level(
                channels_in=width + (_skip_channels(widths, level, config) if level < config.num_downs - 1 else 0),
                channels_out=out_channels if level == 0 else widths[level - 1],
                config=config,
                outermost=level == 0,
                dropout=config.dropout if _has_dropout(level, config) else 0.0,
            )
            for level, width in reversed(list(enumerate(widths)))
        )
        init_network(self, norm=config.norm, spectral_norm=config.spectral_norm)

    def forward(self, image: Tensor, layers: Sequence[str] = ()) -> Any:
        """Translate (N, C, H, W) in [-1, 1]; where some of `GeneratorConfig.layers` are named, what they give.

        They are the encoder's levels: what the skips bring to the decoder, before its activation.
        """
        if layers:
            chain = ((f"encoder.{place}", level) for place, level in enumerate(self.encoder))
            return activations_at(layers, chain, image)
        skips: list[Tensor] = []
        features = image
        for level in self.encoder:
            features = level(features)
            skips.append(self._skip(features, skips))
        features = self.decoder[0](features)
        for level, skip in zip(list(self.decoder)[1:], reversed(skips[:-1]), strict=True):
            features = level(self._join(features, skip))
        return features

    def _skip(self, encoded: Tensor, shallower: list[Tensor]) -> Tensor:
        """What the mirror of an encoder's level receives; of `dense` skips, the last holds all before."""
        if self.skips == "dense" and shallower:
            return torch.cat([encoded, F.max_pool2d(shallower[-1], 2)], dim=1)
        return encoded

    def _join(self, decoded: Tensor, skip: Tensor) -> Tensor:
        if self.skips == "add":
            return decoded + skip
        return decoded if self.skips == "none" else torch.cat([_with_whole_gradient(decoded), skip], dim=1)


class _WholeGradient(torch.autograd.Function):
    """The identity of channels_last features; their gradient comes without gaps.

    That of a concatenation is a part of each pixel's channels. Batch norm on a CPU takes such a gradient value by
    value: 40 of 820 ms of a step (256 px, ngf 64, bf16) for the outermost norm alone.
    """

    @staticmethod
    def forward(features: Tensor) -> Tensor:
        return features.view_as(features)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0].contiguous(memory_format=torch.channels_last)


def _with_whole_gradient(features: Tensor) -> Tensor:
    is_channels_last = not features.is_contiguous() and features.is_contiguous(memory_format=torch.channels_last)
    return _WholeGradient.apply(features) if is_channels_last and features.requires_grad else features


def _skip_channels(widths: list[int], level: int, config: GeneratorConfig) -> int:
    """Channels that the skips add to what a level of the decoder receives from below."""
    return {"concatenate": widths[level], "dense": sum(widths[: level + 1])}.get(config.skips, 0)


def _has_dropout(level: int, config: GeneratorConfig) -> bool:
    """CD512-CD512-CD512 begin the paper's decoder. The outermost level makes the image, which nothing is dropped of."""
    return level >= max(1, config.num_downs - config.dropout_levels)


def _encoder_level(
    *, channels_in: int, channels_out: int, config: GeneratorConfig, outermost: bool, innermost: bool
) -> Block:
    """LeakyReLU - Conv 4x4 stride 2 - norm. The first level has neither activation nor norm.

    Nor has the innermost a norm: of the one pixel at the bottleneck it would leave nothing.
    """
    norm = "none" if outermost or innermost else config.norm
    # Not in place: the same features go to the decoder through the skip.
    layers: list[nn.Module] = [] if outermost else [nn.LeakyReLU(0.2)]
    layers += [halving(channels_in, channels_out, 4, how=config.downsampling, bias=needs_bias(norm))]
    return Block(*layers, norm_layer(norm, channels_out))


def _decoder_level(
    *, channels_in: int, channels_out: int, config: GeneratorConfig, outermost: bool, dropout: float
) -> Block:
    """ReLU - transposed Conv 4x4 stride 2 - norm - dropout; the last level ends in tanh."""
    norm = "none" if outermost else config.norm
    layers: list[nn.Module] = [
        nn.ReLU(),
        doubling(channels_in, channels_out, 4, how=config.upsampling, bias=needs_bias(norm)),
        norm_layer(norm, channels_out),
    ]
    if dropout > 0:
        layers.append(nn.Dropout(dropout))
    if outermost:
        layers.append(nn.Tanh())
    return Block(*layers)
