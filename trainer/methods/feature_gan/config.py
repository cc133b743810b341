"""The section of feature loss + GAN."""

from dataclasses import dataclass, field
from typing import Literal

from trainer.config.adversarial import AdversarialConfig
from trainer.config.bounds import CountOrOff
from trainer.config.checks import check_patches, check_pretrained_channels, check_pretrained_side, check_stride
from trainer.config.data import DataConfig
from trainer.config.domains import LossWeight
from trainer.config.method import MethodConfig, Task
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.config.pretrained import PretrainedConfig
from trainer.methods.shared.settings import (
    CYCLEGAN_RECIPE,
    cyclegan_adversarial,
    cyclegan_discriminator,
    cyclegan_generator,
)


@dataclass(frozen=True, kw_only=True)
class FeatureGANConfig(MethodConfig):
    """Feature loss + GAN: SimGAN with deep features in place of pixels (Zhu et al. 2017, arXiv:1703.10593, 5.1.1).

    Settings are those of the comparison there, from its authors' code: CycleGAN's networks and schedule, least
    squares, weight 10, VGG-16's relu4_2.
    """

    name: Literal["feature_gan"] = "feature_gan"
    discriminators = ("discriminator",)
    generators = ("generator",)
    recipe = CYCLEGAN_RECIPE

    generator: GeneratorConfig = field(default_factory=cyclegan_generator)
    discriminator: PatchGANConfig = field(default_factory=cyclegan_discriminator)
    adversarial: AdversarialConfig = field(default_factory=cyclegan_adversarial)
    pretrained: PretrainedConfig = field(default_factory=PretrainedConfig)
    weight_feature: LossWeight = 10.0
    """Weight of the L1 distance between the features of the output and of the input; 0 leaves the GAN
    alone, and loads no pretrained network."""
    pool_size: CountOrOff = 50
    """Generated images kept for the discriminator to see again (SimGAN, section 2.3); 0 is off."""

    def check(self, data: DataConfig) -> None:
        """Reject image sizes that these networks cannot take."""
        check_stride(data, generator=self.generator)
        check_patches(data, discriminator=self.discriminator)
        if self.weight_feature > 0:
            check_pretrained_side(self.pretrained, data)

    def check_shapes(self, task: Task) -> None:
        """Reject views that the pretrained network does not see."""
        super().check_shapes(task)
        if self.weight_feature > 0:
            check_pretrained_channels(view_a=task.channels_a, view_b=task.channels_b)
