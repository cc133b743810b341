"""The generator of DCGAN (Radford et al. 2016, arXiv:1511.06434, Figure 1)."""

from itertools import pairwise

from torch import Tensor, nn

from trainer.config.latent import COARSEST_SIDE, DecoderConfig
from trainer.networks.conv_levels import level_widths
from trainer.networks.layers import Block, init_network, needs_bias, norm_layer
from trainer.networks.scaling import doubling


class ConvDecoder(nn.Module):
    """Projects the code to 4x4 features; transposed convolutions double the side and halve the channels.

    At 64 pixels 1024-512-256-128-3 channels, as in the figure. Kernels are 4x4, as in the authors' Torch code: the
    figure's 5x5 are not divisible by the stride, so that some pixels get more terms than their neighbours.

    Args:
        in_features: size of the code, with what is joined to it.
        side: pixels, a power of two from 16 on.
        out_channels: of the image.
        bounded: end in tanh; without it the image comes as it is before, for likelihoods that take logits.

    Shape: (N, in_features) -> (N, out_channels, side, side), in [-1, 1] where bounded.
    """

    def __init__(
        self, config: DecoderConfig, *, in_features: int, side: int, out_channels: int, bounded: bool = True
    ) -> None:
        super().__init__()
        widths, kernel = level_widths(config.num_filters, side=side)[::-1], config.kernel_size
        self.project = nn.Linear(in_features, widths[0] * COARSEST_SIDE**2, bias=needs_bias(config.norm))
        self.start = nn.Sequential(norm_layer(config.norm, widths[0]), nn.ReLU(inplace=True))
        self.levels = nn.ModuleList(
            Block(
                doubling(channels_in, width, kernel, how=config.upsampling, bias=needs_bias(config.norm)),
                norm_layer(config.norm, width),
                nn.ReLU(inplace=True),
            )
            for channels_in, width in pairwise(widths)
        )
        self.last = nn.Sequential(
            doubling(widths[-1], out_channels, kernel, how=config.upsampling, bias=True),
            nn.Tanh() if bounded else nn.Identity(),
        )
        init_network(self, norm=config.norm, spectral_norm=config.spectral_norm)

    def forward(self, code: Tensor) -> Tensor:
        """The image of (N, in_features)."""
        features = self.start(self.project(code).unflatten(1, (-1, COARSEST_SIDE, COARSEST_SIDE)))
        for level in self.levels:
            features = level(features)
        return self.last(features)
