"""The settings of CycleGAN, which its comparison gives to other methods, too."""

from trainer.config.adversarial import AdversarialConfig
from trainer.config.networks import GeneratorConfig, PatchGANConfig


def cyclegan_generator() -> GeneratorConfig:
    """The paper's generator, which its comparison gives to other methods, too (section 5.1.1)."""
    return GeneratorConfig(architecture="resnet", norm="instance", dropout=0.0)


def cyclegan_discriminator() -> PatchGANConfig:
    """The paper's discriminator, likewise."""
    return PatchGANConfig(norm="instance")


def cyclegan_adversarial() -> AdversarialConfig:
    """The paper's objective, likewise."""
    return AdversarialConfig(objective="least-squares")
