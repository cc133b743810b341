"""The section of BiGAN and ALI between two views."""

from dataclasses import dataclass, field
from typing import Literal

from trainer.config.adversarial import AdversarialConfig
from trainer.config.bounds import CountOrOff
from trainer.config.checks import check_patches, check_stride
from trainer.config.data import DataConfig
from trainer.config.method import MethodConfig
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.methods.shared.settings import (
    CYCLEGAN_RECIPE,
    cyclegan_adversarial,
    cyclegan_discriminator,
    cyclegan_generator,
)


@dataclass(frozen=True, kw_only=True)
class BiGANImageConfig(MethodConfig):
    """BiGAN / ALI with an image of view b in place of the code (Zhu et al. 2017, arXiv:1703.10593, section 5.1.1).

    The settings are those of that comparison, from its authors' code: CycleGAN's networks and schedule, least squares.
    """

    name: Literal["bigan_image"] = "bigan_image"
    discriminators = ("discriminator",)
    generators = ("generators",)
    recipe = CYCLEGAN_RECIPE
    translates_back = True

    generator: GeneratorConfig = field(default_factory=cyclegan_generator)
    discriminator: PatchGANConfig = field(default_factory=cyclegan_discriminator)
    adversarial: AdversarialConfig = field(default_factory=cyclegan_adversarial)
    pool_size: CountOrOff = 50
    """Joint pairs of each kind kept for the discriminator to see again, as in the authors' code; 0 is off."""

    def check(self, data: DataConfig) -> None:
        """Reject image sizes that these networks cannot take."""
        check_stride(data, generator=self.generator)
        check_patches(data, discriminator=self.discriminator)
