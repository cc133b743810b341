"""The section of pix2pixHD."""

from dataclasses import dataclass, field, replace
from typing import Annotated, Literal, Self

from trainer.config.adversarial import AdversarialConfig
from trainer.config.bounds import AtLeast
from trainer.config.checks import check_patches, check_pretrained_channels, check_pretrained_side, check_stride
from trainer.config.data import DataConfig
from trainer.config.domains import Choice, LossWeight, Searched
from trainer.config.errors import require
from trainer.config.method import MethodConfig, Task
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.config.optimizer import OptimizerConfig
from trainer.config.pretrained import PretrainedConfig
from trainer.config.recipe import Recipe
from trainer.config.shrink import Limits


def global_generator() -> GeneratorConfig:
    """c7s1-64, d128, d256, d512, d1024, R1024 x 9, and back up (appendix A)."""
    return GeneratorConfig(architecture="resnet", norm="instance", dropout=0.0, num_halvings=4)


@dataclass(frozen=True, kw_only=True)
class Pix2PixHDConfig(MethodConfig):
    """pix2pixHD (Wang et al. 2018, arXiv:1711.11585).

    Its global generator, its discriminators of several scales and feature matching; not the local enhancer or the
    instance maps. The perceptual loss, optional there, is `weight_perceptual`. The paper trains with Adam at 2e-4,
    beta1 0.5, for 100 epochs and 100 more of linear decay, in batches of 1. Its patch discriminators pad by 2 pixels in
    the authors' code; here by 1, as in pix2pix.
    """

    name: Literal["pix2pixhd"] = "pix2pixhd"
    pairing = "paired"
    discriminators = ("discriminator",)
    generators = ("generator",)
    recipe = Recipe(optimizer=OptimizerConfig(schedule="linear"))

    generator: GeneratorConfig = field(default_factory=global_generator)
    discriminator: PatchGANConfig = field(default_factory=lambda: PatchGANConfig(norm="instance"))
    """Of each scale, with weights of its own."""
    num_scales: Annotated[int, AtLeast(1, "use 1 to 6.", most=6), Searched("architecture", Choice(1, 2, 3))] = 3
    """Discriminators: the first judges the images, each further one images of half the size (section 3.2). Three are
    the paper's; two the default of the authors' code."""
    adversarial: AdversarialConfig = field(default_factory=lambda: AdversarialConfig(objective="least-squares"))
    weight_features: LossWeight = 10.0
    """Weight of the matching of the discriminators' features (lambda of equation 5), summed over layers and, as in the
    authors' code, averaged over scales, over which the paper's formula sums; 0 is off."""
    weight_perceptual: LossWeight = 0.0
    """Weight of the L1 distance to the target in the features of `pretrained`, of one layer; 0 is off, and loads
    nothing. In the paper it is optional, with the weight of feature matching, and helps a little; its authors' code has
    it unless told otherwise, as a sum over five layers of VGG-19 that count 1/32 to 1."""
    pretrained: PretrainedConfig = field(default_factory=PretrainedConfig)

    def small(self, most: Limits) -> Self:
        """Discriminators with fewer layers are for smaller images: with them go as many scales."""
        smaller = super().small(most)
        num_fewer = self.discriminator.num_layers - smaller.discriminator.num_layers
        return replace(smaller, num_scales=max(1, self.num_scales - num_fewer))

    def check(self, data: DataConfig) -> None:
        """Reject image sizes that these networks cannot take."""
        check_stride(data, generator=self.generator)
        check_patches(data, discriminator=self.discriminator)
        if self.weight_perceptual > 0:
            check_pretrained_side(self.pretrained, data)
        needed = self.discriminator.smallest_image
        sides = [min(data.crop_shape)]
        while len(sides) < self.num_scales:
            sides.append((sides[-1] + 1) // 2)
        require(
            sides[-1] >= needed,
            "method.num_scales",
            self.num_scales,
            f"crops of {sides[0]} pixels have {sides[-1]} at the last scale, and method.discriminator.num_layers = "
            f"{self.discriminator.num_layers} needs {needed}; use {sum(side >= needed for side in sides)} or fewer, or "
            "lower num_layers.",
        )

    def check_shapes(self, task: Task) -> None:
        """Reject a target that the pretrained network does not see."""
        super().check_shapes(task)
        if self.weight_perceptual > 0:
            check_pretrained_channels(view_b=task.channels_b)
