"""The section of CycleGAN."""

from dataclasses import dataclass, field
from typing import Literal

from trainer.config.adversarial import AdversarialConfig
from trainer.config.bounds import CountOrOff, NumberOrOff
from trainer.config.checks import check_identity, check_patches, check_stride
from trainer.config.data import DataConfig
from trainer.config.method import MethodConfig, Task
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.methods.shared.settings import (
    CYCLEGAN_RECIPE,
    cyclegan_adversarial,
    cyclegan_discriminator,
    cyclegan_generator,
)


@dataclass(frozen=True, kw_only=True)
class CycleGANConfig(MethodConfig):
    """CycleGAN (Zhu et al. 2017, arXiv:1703.10593).

    The paper trains for 200 epochs with Adam at 2e-4, beta1 0.5, batches of 1, and a linear decay in the second half.
    """

    name: Literal["cyclegan"] = "cyclegan"
    discriminators = ("discriminators",)
    generators = ("generators",)
    recipe = CYCLEGAN_RECIPE
    translates_back = True

    generator: GeneratorConfig = field(default_factory=cyclegan_generator)
    discriminator: PatchGANConfig = field(default_factory=cyclegan_discriminator)
    adversarial: AdversarialConfig = field(default_factory=cyclegan_adversarial)
    weight_cycle: NumberOrOff = 10.0
    """Weight of the L1 distance between an image and its round trip (lambda of equation 3); 0 is off."""
    weight_identity: NumberOrOff = 0.5
    """Weight, in units of `weight_cycle`, of the L1 distance between an image of the target view and its translation
    (section 5.2; always on in the authors' code); 0 is off, as it must be where the views differ in channels."""
    pool_size: CountOrOff = 50
    """Generated images kept, of each view, for the discriminators to see again (section 4); 0 is off."""

    def check(self, data: DataConfig) -> None:
        """Reject image sizes that these networks cannot take."""
        check_stride(data, generator=self.generator)
        check_patches(data, discriminator=self.discriminator)

    def check_shapes(self, task: Task) -> None:
        """Reject views that rule out the identity."""
        super().check_shapes(task)
        check_identity(self.weight_identity, channels_a=task.channels_a, channels_b=task.channels_b)
