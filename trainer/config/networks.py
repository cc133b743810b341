"""Sections of networks that several methods use."""

from dataclasses import dataclass
from typing import Annotated, Literal

from trainer.config.bounds import AtLeast, AtLeastOne
from trainer.config.domains import Choice, Searched, Width
from trainer.config.errors import require
from trainer.config.section import Section

Skips = Literal["concatenate", "add", "dense", "none"]
Norm = Annotated[
    Literal["batch", "instance", "group", "none"], Searched("architecture", Choice("batch", "instance", "group"))
]
Downsampling = Annotated[Literal["strided", "blurred"], Searched("architecture", Choice("strided", "blurred"))]
Upsampling = Annotated[
    Literal["transposed", "nearest", "bilinear"], Searched("architecture", Choice("transposed", "nearest", "bilinear"))
]

_UNET = ("architecture", ("unet",))
_RESNET = ("architecture", ("resnet",))

IMAGE = "image"
"""Name of what a generator takes, among its layers."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """What the activations of a layer are like."""

    channels: int
    stride: int
    """Pixels of the image to one of theirs, in each direction."""


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig(Section):
    """A generator from image to image: U-Net (Isola et al. 2017, section 6.1.1) or ResNet (Zhu et al. 2017, 7.2)."""

    architecture: Annotated[Literal["unet", "resnet"], Searched("architecture", Choice("unet", "resnet"))] = "unet"
    """`unet` with skips `none` is the encoder-decoder of the papers."""
    num_filters: Width = 64
    """Channels after the first convolution; doubled at each level, in the U-Net up to 8 times as many."""
    num_blocks: Annotated[
        int, AtLeast(1, "use 1 to 64.", most=64), Searched("architecture", Choice(4, 6, 9), only=_RESNET)
    ] = 9
    """Residual blocks of the ResNet: the paper has 6 for 128 pixels and 9 from 256 on."""
    num_halvings: Annotated[int, AtLeast(0, "use 0 to 4.", most=4)] = 2
    """Halvings of the ResNet's image in front of its blocks, which work on what is left: 2 is the paper's; 0 works on
    every pixel, as networks for restoration do (SRResNet, Ledig et al. 2017, arXiv:1609.04802)."""
    num_downs: Annotated[int, AtLeast(2, "use 2 to 12.", most=12)] = 8
    """Halvings of the U-Net's image down to the bottleneck: 8 brings 256 pixels to 1, 7 brings 128 to 1."""
    skips: Annotated[Skips, Searched("architecture", Choice("concatenate", "add", "dense", "none"), only=_UNET)] = (
        "concatenate"
    )
    """How a level of the encoder enters its mirror in the decoder; `dense` brings all shallower levels as well; `none`
    is the paper's encoder-decoder ablation."""
    downsampling: Downsampling = "strided"
    """How the image is halved: `blurred` smooths before pixels are dropped, as the networks of CUT's authors do."""
    upsampling: Upsampling = "transposed"
    """How it is doubled again: `transposed` convolutions, as pix2pix and CycleGAN have; or pixels `nearest` (Odena et
    al. 2016) or `bilinear` (CUT's authors), then a convolution: no grid of dots, for about twice the time."""
    norm: Norm = "batch"
    """Normalisation; at batch size 1, `batch` is instance normalisation, as in the paper."""
    dropout: Annotated[
        float,
        AtLeast(0, "use 0 (off) up to, not including, 1.", below=1),
        Searched("architecture", Choice(0.0, 0.5)),
    ] = 0.5
    """Probability in `dropout_levels` of the U-Net, or within each residual block: in pix2pix and DualGAN the only
    noise, at test time too."""
    dropout_levels: AtLeastOne = 3
    """Levels of the U-Net's decoder that have dropout, counted from the bottleneck: the paper's are 3 (CD512, 6.1.1).
    The outermost, which makes the image, never has; a U-Net of fewer levels has it in all others."""
    spectral_norm: bool = False
    """Divide each weight by its largest singular value (Miyato et al. 2018; in generators: Zhang et al. 2019,
    arXiv:1805.08318, section 4.1)."""
    residual: bool = False
    """Learn the difference to the input, which is added to it: for restoration, where the output is the input but for
    details. Both views must have the same channels."""

    def check_fields(self) -> None:
        """Raise ConfigError for weights of zero that are to be divided by their size."""
        require(
            not (self.spectral_norm and self.residual),
            "spectral_norm",
            self.spectral_norm,
            "residual = True begins with a last weight of zero, which has no singular value to be divided by; use one "
            "of the two.",
        )

    @property
    def stride(self) -> int:
        """Pixels: image sides must be multiples of this."""
        return 2 ** (self.num_downs if self.architecture == "unet" else self.num_halvings)

    def layers(self, in_channels: int) -> dict[str, Layer]:
        """The layers whose activations the generator can be asked for, from the image on, by their names in the module.

        Args:
            in_channels: channels of the view that it takes.
        """
        found = {IMAGE: Layer(channels=in_channels, stride=1)}
        if self.architecture == "unet":
            for level in range(self.num_downs):
                width = self.num_filters * min(2**level, 8)
                found[f"encoder.{level}"] = Layer(channels=width, stride=2 ** (level + 1))
            return found
        for place in range(3 * (self.num_halvings + 1)):  # convolution, norm and activation of each level
            scale = 2 ** (place // 3)
            keeps = self.downsampling == "blurred" and place // 3 > 0 and place % 3 < 2  # the activation halves
            found[f"encoder.{place}"] = Layer(channels=self.num_filters * scale, stride=scale // 2 if keeps else scale)
        deepest = Layer(channels=self.num_filters * 2**self.num_halvings, stride=2**self.num_halvings)
        return found | {f"blocks.{place}": deepest for place in range(self.num_blocks)}

    def check_channels(self, channels_a: int, channels_b: int) -> None:
        """Raises ConfigError, naming a field as it is called here, unless images of these channels can be made of each
        other."""
        require(
            not self.residual or channels_a == channels_b,
            "residual",
            self.residual,
            f"one view has {channels_a} channels and the other {channels_b}, so that neither can be added to the "
            "other; use False.",
        )


@dataclass(frozen=True, kw_only=True)
class PatchGANConfig(Section):
    """The patch discriminator (Isola et al. 2017, section 6.1.2)."""

    num_filters: Width = 64
    """Channels after the first convolution; doubled at each layer up to 8 times as many."""
    num_layers: Annotated[int, AtLeast(0, "use 0 to 6.", most=6), Searched("architecture", Choice(0, 1, 3, 5))] = 3
    """Strided convolutions: 1, 3 and 5 give receptive fields of 16, 70 and 286 pixels; 0 is the PixelGAN, which judges
    each pixel by itself."""
    norm: Norm = "batch"
    """Normalisation of all but the first and the last layer."""
    spectral_norm: bool = False
    """Divide each weight by its largest singular value (Miyato et al. 2018)."""

    @property
    def smallest_image(self) -> int:
        """Pixels: the smallest input that leaves one output patch (each final 4x4 convolution loses one)."""
        return 3 * 2**self.num_layers if self.num_layers else 1
