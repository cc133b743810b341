"""The discriminator of DiscoGAN (Kim et al. 2017, arXiv:1703.05192, section 3.1): DCGAN's, showing its features."""

from torch import Tensor, nn

from trainer.methods.discogan.config import FeatureDiscriminatorConfig
from trainer.networks.layers import init_network, needs_bias, norm_layer


class FeatureDiscriminator(nn.Module):
    """C64-C128-C256-C512 of stride 2, and a last 4x4 convolution without padding.

    Shape: (N, in_channels, H, W) -> logits (N, 1, H', W') with H' = H / 16 - 3 for 4 layers, and after them, in a
    tuple, the features of each layer but the first.
    """

    def __init__(self, config: FeatureDiscriminatorConfig, *, in_channels: int) -> None:
        super().__init__()
        levels: list[nn.Module] = []
        channels = in_channels
        for index in range(config.num_layers):
            width = config.num_filters * min(2**index, 8)
            norm = "none" if index == 0 else config.norm
            levels.append(
                nn.Sequential(
                    nn.Conv2d(channels, width, 4, stride=2, padding=1, bias=needs_bias(norm)),
                    norm_layer(norm, width),
                    nn.LeakyReLU(0.2, inplace=True),
                )
            )
            channels = width
        self.levels = nn.ModuleList(levels)
        self.last = nn.Conv2d(channels, 1, 4)
        init_network(self, norm=config.norm, spectral_norm=config.spectral_norm)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Logits, positive where the image looks real; then features."""
        features = [image]
        for level in self.levels:
            features.append(level(features[-1]))
        return self.last(features[-1]), *features[2:]
