"""The convolutional encoder of an image to a code: the mirror of DCGAN's generator."""

from torch import Tensor, nn

from trainer.config.latent import COARSEST_SIDE, EncoderConfig
from trainer.networks.conv_levels import level_widths, strided_levels
from trainer.networks.layers import init_network


class ConvEncoder(nn.Module):
    """Strided convolutions down to 4x4 pixels, then one linear layer: the body of DCGAN's discriminator.

    Args:
        in_channels: of the image.
        side: pixels, a power of two from 16 on.
        out_features: size of the code; twice that where mean and log variance are asked for.

    Shape: (N, in_channels, side, side) -> (N, out_features), unbounded.
    """

    def __init__(self, config: EncoderConfig, *, in_channels: int, side: int, out_features: int) -> None:
        super().__init__()
        widths = level_widths(config.num_filters, side=side)
        self.levels = strided_levels(
            widths,
            in_channels=in_channels,
            num_conditions=0,
            norm=config.norm,
            kernel=config.kernel_size,
        )
        self.head = nn.Linear(widths[-1] * COARSEST_SIDE**2, out_features)
        init_network(self, norm=config.norm, spectral_norm=config.spectral_norm)

    def forward(self, image: Tensor) -> Tensor:
        """The code of (N, C, side, side) in [-1, 1]."""
        features = image
        for level in self.levels:
            features = level(features)
        return self.head(features.flatten(1))
