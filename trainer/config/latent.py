"""Sections of the networks between images and codes: DCGAN's (Radford et al. 2016, arXiv:1511.06434) and its mirror."""

from dataclasses import dataclass
from typing import Annotated, Literal

from trainer.config.data import DataConfig
from trainer.config.domains import Choice, Searched, Width
from trainer.config.errors import require
from trainer.config.networks import Norm, Upsampling
from trainer.config.section import Section

Noise = Literal["normal", "uniform"]
KernelSize = Annotated[Literal[4, 5], Searched("architecture", Choice(4, 5))]

COARSEST_SIDE = 4
"""Pixels: side of the feature maps next to the code (Figure 1 of Radford et al. 2016)."""


def num_levels(side: int) -> int:
    """Halvings from an image of `side` pixels, a power of two from 16 on, down to 4: 4 for the paper's 64 pixels."""
    return (side // COARSEST_SIDE).bit_length() - 1


def check_side(data: DataConfig) -> None:
    """Raises ConfigError unless the crop is a square, and halving it ends at 4 pixels, with two levels at least."""
    side, width = data.crop_shape
    require(
        side == width,
        "data.crop_size",
        data.crop_size,
        "these networks take squares only; use one number, or a method that takes any shape, e.g. pix2pix or cyclegan.",
    )
    require(
        side >= 16 and side & (side - 1) == 0,
        "data.crop_size",
        data.crop_size,
        "must be a power of two from 16 on (16, 32, 64, 128, ...): these networks halve the image down to 4 pixels.",
    )


@dataclass(frozen=True, kw_only=True)
class EncoderConfig(Section):
    """The convolutional encoder of an image to a code: DCGAN's discriminator up to its last layer."""

    num_filters: Width = 64
    """Channels after the first convolution; doubled at each level up to 8 times as many."""
    kernel_size: KernelSize = 4
    """Pixels: side of its kernels, which halve the image; 5 is that of Larsen et al. 2016 (arXiv:1512.09300)."""
    norm: Norm = "batch"
    """Normalisation of all levels but the first."""
    spectral_norm: bool = False
    """Divide each weight by its largest singular value (Miyato et al. 2018)."""


@dataclass(frozen=True, kw_only=True)
class DecoderConfig(Section):
    """The convolutional decoder of a code to an image: DCGAN's generator."""

    num_filters: Width = 128
    """Channels before the last convolution; doubled at each level towards the code up to 8 times as many: with 128 an
    image of 64 pixels is made by levels of 1024, 512, 256 and 128 channels."""
    kernel_size: KernelSize = 4
    """Pixels: side of its kernels; 5 is the figure's, and that of Larsen et al. 2016 (arXiv:1512.09300): not divisible
    by the stride of 2, so that some pixels get more terms than their neighbours, unless they are doubled before."""
    upsampling: Upsampling = "transposed"
    """How features are doubled: `transposed` convolutions are the paper's; `nearest` and `bilinear` make pixels before
    a convolution, of an odd kernel (3 for 4), and have no grid of dots (see `GeneratorConfig`)."""
    norm: Norm = "batch"
    """Normalisation of all levels but the last."""
    spectral_norm: bool = False
    """Divide each weight by its largest singular value (Miyato et al. 2018)."""


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig(Section):
    """The convolutional discriminator that judges whole images: DCGAN's."""

    num_filters: Width = 64
    """Channels after the first convolution; doubled at each level up to 8 times as many."""
    kernel_size: KernelSize = 4
    """Pixels: side of its kernels, which halve the image; 5 is that of Larsen et al. 2016 (arXiv:1512.09300)."""
    norm: Norm = "batch"
    """Normalisation of all levels but the first. With a gradient penalty use one that does not mix samples: instance,
    group or none (Gulrajani et al. 2017, section 4)."""
    spectral_norm: bool = False
    """Divide each weight by its largest singular value (Miyato et al. 2018)."""
