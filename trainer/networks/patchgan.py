"""The patch discriminator of pix2pix (Isola et al. 2017, arXiv:1611.07004, section 6.1.2)."""

from typing import Any

from torch import Tensor, nn

from trainer.config.networks import PatchGANConfig
from trainer.networks.layers import init_network, needs_bias, norm_layer


class PatchGAN(nn.Module):
    """C64-C128-C256-C512 and a last convolution: one logit for each overlapping patch (70x70 pixels by default).

    With `num_layers` 0 the PixelGAN: C64-C128 of 1x1 convolutions, one logit for each pixel.

    Shape: (N, in_channels, H, W) -> (N, 1, H', W') unbounded logits; with 3 layers H' = H / 8 - 2, with 0 H' = H.
    """

    def __init__(self, config: PatchGANConfig, *, in_channels: int) -> None:
        super().__init__()
        kernel, padding = (4, 1) if config.num_layers > 0 else (1, 0)
        strides = [2] * config.num_layers + [1] if config.num_layers > 0 else [1, 1]
        layers: list[nn.Module] = []
        channels = in_channels
        for index, stride in enumerate(strides):
            width = config.num_filters * min(2**index, 8)
            norm = "none" if index == 0 else config.norm
            layers += [
                nn.Conv2d(channels, width, kernel, stride=stride, padding=padding, bias=needs_bias(norm)),
                norm_layer(norm, width),
                nn.LeakyReLU(0.2, inplace=True),
            ]
            channels = width
        layers.append(nn.Conv2d(channels, 1, kernel, padding=padding))
        self.layers = nn.Sequential(*layers)
        init_network(self, norm=config.norm, spectral_norm=config.spectral_norm)

    def forward(self, image: Tensor, with_features: bool = False) -> Any:
        """Logits, positive where a patch looks real; with features a tuple: the activations of each layer but the last,
        and after them the logits.
        """
        if not with_features:
            return self.layers(image)
        features = []
        for place, layer in enumerate(self.layers):
            image = layer(image)
            if place % 3 == 2:  # convolution, norm, activation
                features.append(image)
        return *features, image


def receptive_field(num_layers: int) -> int:
    """Pixels that one logit of a PatchGAN sees: 1, 16, 34, 70, 142, 286 for 0 to 5 layers."""
    if num_layers == 0:
        return 1
    size = 1
    for stride in [1, 1] + [2] * num_layers:  # from the output back to the image; all kernels are 4x4
        size = (size - 1) * stride + 4
    return size
