"""The section of pixel loss + GAN."""

from dataclasses import dataclass, field
from typing import Literal

from trainer.config.adversarial import AdversarialConfig
from trainer.config.bounds import CountOrOff
from trainer.config.checks import check_patches, check_stride
from trainer.config.data import DataConfig
from trainer.config.domains import LossWeight
from trainer.config.errors import require
from trainer.config.method import MethodConfig, Task
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.methods.shared.settings import (
    CYCLEGAN_RECIPE,
    cyclegan_adversarial,
    cyclegan_discriminator,
    cyclegan_generator,
)


@dataclass(frozen=True, kw_only=True)
class PixelGANConfig(MethodConfig):
    """Pixel loss + GAN (Shrivastava et al. 2017, SimGAN, arXiv:1612.07828).

    The settings are those of the comparison of Zhu et al. 2017 (table 1), from its authors' code: CycleGAN's networks
    and schedule, least squares, weight 10. SimGAN itself has `objective` non-saturating, and a refiner of 4 blocks that
    keeps the resolution; it does not state its weight, a sum over pixels. Its pre-training, of the refiner on the pixel
    loss alone and then of the discriminator alone, is not done here.
    """

    name: Literal["pixel_gan"] = "pixel_gan"
    discriminators = ("discriminator",)
    generators = ("generator",)
    recipe = CYCLEGAN_RECIPE

    generator: GeneratorConfig = field(default_factory=cyclegan_generator)
    discriminator: PatchGANConfig = field(default_factory=cyclegan_discriminator)
    adversarial: AdversarialConfig = field(default_factory=cyclegan_adversarial)
    weight_pixel: LossWeight = 10.0
    """Weight of the L1 distance between the output and the input; 0 leaves the GAN alone."""
    pool_size: CountOrOff = 50
    """Generated images kept for the discriminator to see again (SimGAN, section 2.3); 0 is off."""

    def check(self, data: DataConfig) -> None:
        """Reject image sizes that these networks cannot take."""
        check_stride(data, generator=self.generator)
        check_patches(data, discriminator=self.discriminator)

    def check_shapes(self, task: Task) -> None:
        """Reject views that cannot be compared."""
        super().check_shapes(task)
        channels = {task.channels_a, task.channels_b}
        require(
            self.weight_pixel == 0 or len(channels) == 1 or 1 in channels,
            "method.weight_pixel",
            self.weight_pixel,
            f"output and input can be compared where both views have as many channels, or one is grey; these have "
            f"{task.channels_a} and {task.channels_b}. Use 0, or other views.",
        )
