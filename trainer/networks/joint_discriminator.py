"""The discriminator of image and code together (Dumoulin et al. 2017, arXiv:1606.00704, appendix A)."""

import torch
from torch import Tensor, nn

from trainer.config.latent import COARSEST_SIDE, DiscriminatorConfig
from trainer.networks.conv_levels import level_widths, strided_levels
from trainer.networks.layers import init_network

SLOPE = 0.2  # of LeakyReLU, as in the image's levels; ALI has 0.02
CODE_WIDTH, JOINT_WIDTH = 16, 32  # in units of `num_filters`: 1024 and 2048 with the paper's 64


class JointDiscriminator(nn.Module):
    """D(x, z): the image down to 512 numbers, the code through two layers of 1024, both through two of 2048.

    The widths are those of the paper's table for CelebA, the image's levels DCGAN's; dropout is left out.

    Args:
        in_channels: of the image.
        side: pixels, a power of two from 16 on.
        code_size: dimensions of the code.

    Shape: (N, in_channels, side, side) and (N, code_size) -> (N,) unbounded logits.
    """

    def __init__(self, config: DiscriminatorConfig, *, in_channels: int, side: int, code_size: int) -> None:
        super().__init__()
        widths = level_widths(config.num_filters, side=side)
        code_width, joint_width = (factor * config.num_filters for factor in (CODE_WIDTH, JOINT_WIDTH))
        self.levels = strided_levels(
            widths,
            in_channels=in_channels,
            num_conditions=0,
            norm=config.norm,
            kernel=config.kernel_size,
        )
        self.image = _dense(widths[-1] * COARSEST_SIDE**2, widths[-1])
        self.code = nn.Sequential(_dense(code_size, code_width), _dense(code_width, code_width))
        self.joint = nn.Sequential(
            _dense(widths[-1] + code_width, joint_width), _dense(joint_width, joint_width), nn.Linear(joint_width, 1)
        )
        init_network(self, norm=config.norm, spectral_norm=config.spectral_norm)

    def forward(self, image: Tensor, code: Tensor) -> Tensor:
        """Logits, positive where the pair looks like an image with its inferred code."""
        features = image
        for level in self.levels:
            features = level(features)
        both = torch.cat([self.image(features.flatten(1)), self.code(code)], dim=1)
        return self.joint(both).squeeze(1)


def _dense(num_inputs: int, num_outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(num_inputs, num_outputs), nn.LeakyReLU(SLOPE, inplace=True))
