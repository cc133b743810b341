"""The networks of CAAE (Zhang et al. 2017, arXiv:1702.08423, figure 3), with the layers of the authors' code.

Kernels are 5x5. Where the authors' code pads one pixel less on one side, these pad both alike. Encoder and generator
have no norms: the authors' deviation of 0.02 keeps the signal at about 200 channels, `init_network`'s at any.
"""

import operator
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from trainer.config.latent import COARSEST_SIDE, num_levels
from trainer.methods.caae.config import CAAEConfig
from trainer.networks.layers import Block, init_network, needs_bias, norm_layer
from trainer.networks.scaling import doubling

CODE_LAYERS = (64, 32, 16)  # of the discriminator of codes
IMAGE_LEVELS = (1, 2, 4, 8)  # of the discriminator of images, in units of its first level


def encoder_widths(config: CAAEConfig, side: int) -> list[int]:
    """Channels of the encoder's levels: 64, 128, 256, 512, 1024 for 128 pixels."""
    return [config.num_filters * 2**level for level in range(num_levels(side))]


class CAAEEncoder(nn.Module):
    """E: (N, in_channels, side, side) -> codes (N, code_size) in [-1, 1]; `side` is a power of two from 16 on."""

    def __init__(self, config: CAAEConfig, *, in_channels: int, side: int) -> None:
        super().__init__()
        widths = encoder_widths(config, side)
        self.levels = nn.Sequential(
            *(
                Block(nn.Conv2d(inputs, outputs, 5, stride=2, padding=2), nn.ReLU(inplace=True))
                for inputs, outputs in pairwise([in_channels, *widths])
            )
        )
        self.head = nn.Linear(widths[-1] * COARSEST_SIDE**2, config.code_size)
        init_network(self, norm="none", spectral_norm=config.autoencoder_spectral_norm)

    def forward(self, image: Tensor) -> Tensor:
        """The code of (N, C, side, side) in [-1, 1]."""
        return torch.tanh(self.head(self.levels(image).flatten(1)))


class CAAEGenerator(nn.Module):
    """G: (N, code_size) and of each label (N, its number of values) -> (N, out_channels, side, side), all in [-1, 1].

    Labels are repeated to about the size of the code: with the paper's fifty dimensions age, of ten values, five times,
    and gender, of two, twenty-five times.
    """

    def __init__(self, config: CAAEConfig, *, num_values: Sequence[int], side: int, out_channels: int) -> None:
        super().__init__()
        widths = encoder_widths(config, side)[::-1]
        widths += [widths[-1] // 2, widths[-1] // 4]
        self.num_repeats = [max(1, config.code_size // num) for num in num_values]
        num_inputs = config.code_size + sum(map(operator.mul, self.num_repeats, num_values))
        self.project = nn.Linear(num_inputs, widths[0] * COARSEST_SIDE**2)
        self.levels = nn.Sequential(
            nn.ReLU(inplace=True),
            *(
                Block(
                    doubling(inputs, outputs, 5, how=config.upsampling, bias=True),
                    nn.ReLU(inplace=True),
                )
                for inputs, outputs in pairwise(widths[:-1])
            ),
        )
        self.last = nn.Sequential(
            nn.ConvTranspose2d(widths[-2], widths[-1], 5, padding=2),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(widths[-1], out_channels, 5, padding=2),
            nn.Tanh(),
        )
        init_network(self, norm="none", spectral_norm=config.autoencoder_spectral_norm)

    def forward(self, code: Tensor, *labels: Tensor) -> Tensor:
        """The image of what `code` tells, at the age that the first label tells."""
        repeated = (label.repeat(1, num) for label, num in zip(labels, self.num_repeats, strict=True))
        joined = torch.cat([code, *repeated], dim=1)
        return self.last(self.levels(self.project(joined).unflatten(1, (-1, COARSEST_SIDE, COARSEST_SIDE))))


class CodeDiscriminator(nn.Module):
    """D_z: codes (N, code_size) -> unbounded logits (N,), positive where a code looks drawn from the prior."""

    def __init__(self, config: CAAEConfig) -> None:
        super().__init__()
        is_normalised = config.norm == "batch"
        self.layers = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Linear(inputs, outputs, bias=not is_normalised),
                    nn.BatchNorm1d(outputs) if is_normalised else nn.Identity(),
                    nn.ReLU(inplace=True),
                )
                for inputs, outputs in pairwise([config.code_size, *CODE_LAYERS])
            ),
            nn.Linear(CODE_LAYERS[-1], 1),
        )
        init_network(self, norm="batch" if is_normalised else "none", spectral_norm=config.spectral_norm)

    def forward(self, code: Tensor) -> Tensor:
        """Logits of codes."""
        return self.layers(code).squeeze(1)


class LabelledDiscriminator(nn.Module):
    """D_img: four levels of 16 to 128 channels, the labels joined to the first one's output, then 1024 features.

    Shape: (N, in_channels, side, side) and of each label (N, its number of values) in [-1, 1] -> unbounded logits (N,),
    positive where an image looks real and of its labels. A second label is repeated to about the length of the first.
    """

    def __init__(self, config: CAAEConfig, *, in_channels: int, num_values: Sequence[int], side: int) -> None:
        super().__init__()
        first, *rest = [config.num_filters // 4 * factor for factor in IMAGE_LEVELS]
        self.first = _judging_level(in_channels, first, config)
        self.num_repeats = [max(1, num_values[0] // num) for num in num_values]
        joined = first + sum(map(operator.mul, self.num_repeats, num_values))
        self.levels = nn.Sequential(
            *(_judging_level(inputs, outputs, config) for inputs, outputs in pairwise([joined, *rest]))
        )
        num_features = 16 * config.num_filters
        self.head = nn.Sequential(
            nn.Linear(rest[-1] * (side // 2 ** len(IMAGE_LEVELS)) ** 2, num_features),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(num_features, 1),
        )
        init_network(self, norm=config.norm, spectral_norm=config.spectral_norm)

    def forward(self, image: Tensor, *labels: Tensor) -> Tensor:
        """Logits of images with labels."""
        features = self.first(image)
        repeated = torch.cat([label.repeat(1, num) for label, num in zip(labels, self.num_repeats, strict=True)], dim=1)
        replicated = repeated[:, :, None, None].expand(-1, -1, *features.shape[2:])
        features = self.levels(torch.cat([features, replicated.to(features.dtype)], dim=1))
        return self.head(features.flatten(1)).squeeze(1)


def _judging_level(channels_in: int, channels_out: int, config: CAAEConfig) -> Block:
    return Block(
        nn.Conv2d(channels_in, channels_out, 5, stride=2, padding=2, bias=needs_bias(config.norm)),
        norm_layer(config.norm, channels_out),
        nn.ReLU(inplace=True),
    )
