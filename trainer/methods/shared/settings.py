"""The settings of CycleGAN, which its comparison gives to other methods, too."""

from trainer.config.adversarial import AdversarialConfig
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.config.optimizer import OptimizerConfig
from trainer.config.recipe import Recipe


def cyclegan_generator() -> GeneratorConfig:
    """The paper's generator, which its comparison gives to other methods, too (section 5.1.1)."""
    return GeneratorConfig(architecture="resnet", norm="instance", dropout=0.0)


def cyclegan_discriminator() -> PatchGANConfig:
    """The paper's discriminator, likewise."""
    return PatchGANConfig(norm="instance")


def cyclegan_adversarial() -> AdversarialConfig:
    """The paper's objective, likewise."""
    return AdversarialConfig(objective="least-squares")


CYCLEGAN_RECIPE = Recipe(optimizer=OptimizerConfig(schedule="linear"))
"""The paper's training (section 4), likewise: 200 epochs, of which the rate falls to zero over the second half."""

DCGAN_RECIPE = Recipe(optimizer=OptimizerConfig(schedule="constant"), batch_size=128)
"""That of Radford et al. 2016 (section 4), whose networks several methods have here. The authors' code for faces has
weight decay 1e-5."""
