"""The section of DualGAN."""

from dataclasses import dataclass, field
from typing import Literal

from trainer.config.adversarial import AdversarialConfig
from trainer.config.checks import check_patches, check_stride
from trainer.config.data import DataConfig
from trainer.config.domains import LossWeight
from trainer.config.method import MethodConfig
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.config.optimizer import OptimizerConfig
from trainer.config.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class DualGANConfig(MethodConfig):
    """DualGAN (Yi et al. 2017, arXiv:1704.02510).

    The paper trains with RMSProp at 5e-5 and batches of 1 to 4; the authors' code has 0.9 for RMSProp's decay. Critics
    are clipped to 0.01, and take 3 steps to one of the generators: the paper has 2 to 4, the authors' first code 3.

    The authors' kernels are 5x5, those of pix2pix, which are used here, 4x4. Their norms take statistics of each image
    by itself, as `norm` instance does, and `batch` with one image.
    """

    name: Literal["dualgan"] = "dualgan"
    discriminators = ("discriminators",)
    generators = ("generators",)
    # Section 3.3; the decay, 0.9, is from the authors' code.
    recipe = Recipe(optimizer=OptimizerConfig(algorithm="rmsprop", lr=5e-5, schedule="constant"))
    translates_back = True

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: PatchGANConfig = field(default_factory=PatchGANConfig)
    adversarial: AdversarialConfig = field(
        default_factory=lambda: AdversarialConfig(objective="wasserstein", weight_clip=0.01, num_discriminator_steps=3)
    )
    weight_u: LossWeight = 500.0
    """Weight of the L1 distance between an image of view a and its round trip (lambda_U): 100 to 1000 in the paper,
    20, 200 and 500 in the authors' code over time. Smaller than `weight_v` where only view a shows natural scenes."""
    weight_v: LossWeight = 500.0
    """The same of view b (lambda_V)."""

    def check(self, data: DataConfig) -> None:
        """Reject image sizes that these networks cannot take."""
        check_stride(data, generator=self.generator)
        check_patches(data, discriminator=self.discriminator)
