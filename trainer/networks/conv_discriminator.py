"""The discriminator of DCGAN (Radford et al. 2016, arXiv:1511.06434), with a place for a condition."""

import torch
from torch import Tensor, nn

from trainer.config.latent import COARSEST_SIDE, DiscriminatorConfig
from trainer.networks.conv_levels import level_widths, strided_levels
from trainer.networks.layers import init_network


class ConvDiscriminator(nn.Module):
    """Strided convolutions down to 4x4 pixels, then one logit for the whole image.

    Args:
        in_channels: of the image.
        side: pixels, a power of two from 16 on.
        num_conditions: size of the condition, which is replicated over space and joined to the first level's output:
            1x1x10 -> 32x32x10 beside 64 features, for ten classes and images of 64 pixels.

    Shape: (N, in_channels, side, side), and (N, num_conditions) where there are any -> unbounded logits (N,).
    """

    def __init__(self, config: DiscriminatorConfig, *, in_channels: int, side: int, num_conditions: int = 0) -> None:
        super().__init__()
        widths = level_widths(config.num_filters, side=side)
        self.levels = strided_levels(
            widths,
            in_channels=in_channels,
            num_conditions=num_conditions,
            norm=config.norm,
            kernel=config.kernel_size,
        )
        self.head = nn.Linear(widths[-1] * COARSEST_SIDE**2, 1)
        init_network(self, norm=config.norm, spectral_norm=config.spectral_norm)

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """Logits, positive where an image looks real (and fits the condition)."""
        first, *levels = self.levels
        features = first(image) if condition is None else _join(first(image), condition)
        for level in levels:
            features = level(features)
        return self.head(features.flatten(1)).squeeze(1)


def _join(features: Tensor, condition: Tensor) -> Tensor:
    """Replicates (N, K) over space: (N, C, H, W) -> (N, C + K, H, W)."""
    replicated = condition[:, :, None, None].expand(-1, -1, *features.shape[2:])
    return torch.cat([features, replicated.to(features.dtype)], dim=1)
