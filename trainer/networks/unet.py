"""The U-Net generator of pix2pix (Isola et al. 2017, arXiv:1611.07004, section 6.1.1)."""

import torch
from torch import Tensor, nn

from trainer.config import GeneratorConfig
from trainer.networks.layers import init_weights, needs_bias, norm_layer

NUM_DROPOUT_LEVELS = 3  # CD512-CD512-CD512 begin the paper's decoder


class UNet(nn.Module):
    """C64-C128-C256-C512-C512-... down to the bottleneck and back up, each level joined to its mirror.

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
                channels_in=width * (2 if self.skips == "concatenate" and level < config.num_downs - 1 else 1),
                channels_out=out_channels if level == 0 else widths[level - 1],
                config=config,
                outermost=level == 0,
                dropout=config.dropout if _has_dropout(level, config) else 0.0,
            )
            for level, width in reversed(list(enumerate(widths)))
        )
        init_weights(self)

    def forward(self, image: Tensor) -> Tensor:
        """Translate (N, C, H, W) in [-1, 1]."""
        passed = []
        features = image
        for level in self.encoder:
            features = level(features)
            passed.append(features)
        features = self.decoder[0](passed.pop())
        for level in list(self.decoder)[1:]:
            features = level(self._join(features, passed.pop()))
        return features

    def _join(self, decoded: Tensor, encoded: Tensor) -> Tensor:
        if self.skips == "concatenate":
            return torch.cat([decoded, encoded], dim=1)
        return decoded + encoded if self.skips == "add" else decoded


def _has_dropout(level: int, config: GeneratorConfig) -> bool:
    """The innermost three levels, as far as they are of full width (which fewer `num_downs` shorten)."""
    from_bottleneck = config.num_downs - 1 - level
    return from_bottleneck < NUM_DROPOUT_LEVELS and level > NUM_DROPOUT_LEVELS


def _encoder_level(
    *, channels_in: int, channels_out: int, config: GeneratorConfig, outermost: bool, innermost: bool
) -> nn.Sequential:
    """LeakyReLU - Conv 4x4 stride 2 - norm. The first level has neither activation nor norm.

    Nor has the innermost a norm: of the one pixel at the bottleneck it would leave nothing.
    """
    norm = "none" if outermost or innermost else config.norm
    # Not in place: the same features go to the decoder through the skip.
    layers: list[nn.Module] = [] if outermost else [nn.LeakyReLU(0.2)]
    layers += [nn.Conv2d(channels_in, channels_out, 4, stride=2, padding=1, bias=needs_bias(norm))]
    return nn.Sequential(*layers, norm_layer(norm, channels_out))


def _decoder_level(
    *, channels_in: int, channels_out: int, config: GeneratorConfig, outermost: bool, dropout: float
) -> nn.Sequential:
    """ReLU - transposed Conv 4x4 stride 2 - norm - dropout; the last level ends in tanh."""
    norm = "none" if outermost else config.norm
    layers: list[nn.Module] = [
        nn.ReLU(),
        nn.ConvTranspose2d(channels_in, channels_out, 4, stride=2, padding=1, bias=needs_bias(norm)),
        norm_layer(norm, channels_out),
    ]
    if dropout > 0:
        layers.append(nn.Dropout(dropout))
    if outermost:
        layers.append(nn.Tanh())
    return nn.Sequential(*layers)
