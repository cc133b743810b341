"""The discriminator of VAE/GAN, in whose features images are alike (Larsen et al. 2016, arXiv:1512.09300)."""

from collections.abc import Iterable

from torch import Tensor, nn

from trainer.config.latent import COARSEST_SIDE, DiscriminatorConfig
from trainer.networks.conv_levels import SLOPE, level_widths, strided_levels
from trainer.networks.layers import init_network


class LikenessDiscriminator(nn.Module):
    """Dis, which is DCGAN's, and Dis_l: what one level's convolution gives, before norm and activation.

    Args:
        in_channels: of the image.
        side: pixels, a power of two from 16 on.
        layer: l, the level, counted from 1.

    Shape: (N, in_channels, side, side) -> unbounded logits (N,), and features
        (N, num_filters * 2^(layer - 1), side / 2^layer, side / 2^layer), of up to 8 times `num_filters` channels.
    """

    def __init__(self, config: DiscriminatorConfig, *, in_channels: int, side: int, layer: int) -> None:
        super().__init__()
        widths = level_widths(config.num_filters, side=side)
        self.levels = strided_levels(
            widths,
            in_channels=in_channels,
            num_conditions=0,
            norm=config.norm,
            kernel=config.kernel_size,
        )
        self.head = nn.Linear(widths[-1] * COARSEST_SIDE**2, 1)
        self.layer = layer
        convolution, norm, _ = self.levels[layer - 1].children()
        # No `Block`, for its features are kept; not in place, for without a norm they would be overwritten.
        self.levels[layer - 1] = nn.Sequential(convolution, norm, nn.LeakyReLU(SLOPE))
        init_network(self, norm=config.norm, spectral_norm=config.spectral_norm)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Logits, positive where an image looks real, and the features on the way to them."""
        levels = list(self.levels)
        convolution, *rest = levels[self.layer - 1].children()
        features = convolution(_through(levels[: self.layer - 1], image))
        last = _through([*rest, *levels[self.layer :]], features)
        return self.head(last.flatten(1)).squeeze(1), features


def _through(layers: Iterable[nn.Module], features: Tensor) -> Tensor:
    for layer in layers:
        features = layer(features)
    return features
