"""Pairs of networks that share layers (Liu & Tuzel 2016, arXiv:1606.07536, section 3 and figure 1).

Each pair is one module that runs the shared layers once: made of two of DCGAN's networks, of which the second gives
its private layers only.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from trainer.config.latent import COARSEST_SIDE, DecoderConfig, DiscriminatorConfig
from trainer.networks.conv_decoder import ConvDecoder
from trainer.networks.conv_discriminator import ConvDiscriminator


class CoupledGenerator(nn.Module):
    """g1 and g2: the layers from the code on are shared, for they decode what both views have in common.

    Args:
        code_size: dimensions of z.
        side: pixels, a power of two from 16 on.
        channels: of view a and of view b.
        num_private: layers next to the image that each view has for itself.

    Shape: (N, code_size) -> (N, channels[0], side, side) and (N, channels[1], side, side) in [-1, 1].
    """

    def __init__(
        self, config: DecoderConfig, *, code_size: int, side: int, channels: tuple[int, int], num_private: int
    ) -> None:
        super().__init__()
        whole, other = (
            ConvDecoder(config, in_features=code_size, side=side, out_channels=number) for number in channels
        )
        num_shared = len(whole.levels) + 1 - num_private  # of the levels; the last layer stands apart from them
        self.project = whole.project
        self.start = whole.start
        self.shared = whole.levels[:num_shared]
        self.private_a = nn.Sequential(*whole.levels[num_shared:], whole.last)
        self.private_b = nn.Sequential(*other.levels[num_shared:], other.last)

    def forward(self, code: Tensor, views: Sequence[int] = (0, 1)) -> tuple[Tensor, ...]:
        """An image of each of these views, of the same code: 0 is a, 1 is b."""
        features = self.start(self.project(code).unflatten(1, (-1, COARSEST_SIDE, COARSEST_SIDE)))
        for level in self.shared:
            features = level(features)
        return tuple((self.private_a, self.private_b)[view](features) for view in views)


class CoupledDiscriminator(nn.Module):
    """f1 and f2: the layers up to the logit are shared.

    Args:
        side: pixels, a power of two from 16 on.
        channels: of view a and of view b.
        num_private: layers next to the image that each view has for itself.

    Shape: (N, channels[0], side, side) and (N, channels[1], side, side) -> unbounded logits (N,) of each.
    """

    def __init__(self, config: DiscriminatorConfig, *, side: int, channels: tuple[int, int], num_private: int) -> None:
        super().__init__()
        whole, other = (ConvDiscriminator(config, in_channels=number, side=side) for number in channels)
        self.private_a = nn.Sequential(*whole.levels[:num_private])
        self.private_b = nn.Sequential(*other.levels[:num_private])
        self.shared = whole.levels[num_private:]
        self.head = whole.head

    def forward(self, image_a: Tensor, image_b: Tensor) -> tuple[Tensor, Tensor]:
        """Logits, positive where an image looks real. Shared norms see both views in one batch, as the authors' do."""
        features = torch.cat([self.private_a(image_a), self.private_b(image_b)])
        for level in self.shared:
            features = level(features)
        logits_a, logits_b = self.head(features.flatten(1)).squeeze(1).chunk(2)
        return logits_a, logits_b
