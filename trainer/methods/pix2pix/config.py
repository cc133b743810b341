"""The section of pix2pix."""

from dataclasses import dataclass, field
from typing import Literal

from trainer.config.adversarial import AdversarialConfig
from trainer.config.checks import check_patches, check_pretrained_channels, check_pretrained_side, check_stride
from trainer.config.data import DataConfig
from trainer.config.domains import LossWeight
from trainer.config.errors import require
from trainer.config.method import MethodConfig, Task
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.config.optimizer import OptimizerConfig
from trainer.config.pretrained import PretrainedConfig
from trainer.config.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Pix2PixConfig(MethodConfig):
    """pix2pix (Isola et al. 2017, arXiv:1611.07004)."""

    name: Literal["pix2pix"] = "pix2pix"
    discriminators = ("discriminator",)
    generators = ("generator",)
    # Section 3.3; the authors' code, too, keeps its rate.
    recipe = Recipe(optimizer=OptimizerConfig(schedule="constant"))
    pairing = "paired"

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: PatchGANConfig = field(default_factory=PatchGANConfig)
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)
    conditional: bool = True
    """The discriminator sees the input beside the output (cGAN); without it, the output alone (GAN)."""
    weight_gan: LossWeight = 1.0
    """Weight of the adversarial loss; 0 leaves L1 alone, and trains no discriminator."""
    weight_l1: LossWeight = 100.0
    """Weight of the L1 distance to the target (lambda of equation 4); 0 leaves the GAN alone."""

    weight_structure: LossWeight = 0.0
    """Weight of 1 - SSIM to the target, in grey (Zhao et al. 2017, arXiv:1511.08861), which sees faint lines that L1
    hardly does; 0 is off, as in the paper. A run's own SSIM is then what it was trained for."""
    weight_feature: LossWeight = 0.0
    """Weight of the L1 distance to the target in the features of `pretrained` (a perceptual loss, as of Johnson et al.
    2016, arXiv:1603.08155, but of one layer and not squared); 0 is off, as in the paper, and loads nothing."""
    pretrained: PretrainedConfig = field(default_factory=PretrainedConfig)

    @property
    def idle_sections(self) -> tuple[str, ...]:
        """Without an adversarial loss no discriminator is trained."""
        return () if self.weight_gan > 0 else ("discriminator", "adversarial")

    def check_fields(self) -> None:
        """Raise ConfigError for a method without a loss."""
        total = self.weight_gan + self.weight_l1 + self.weight_structure + self.weight_feature
        require(total > 0, "weight_l1", self.weight_l1, "one weight must be above 0.")

    def check(self, data: DataConfig) -> None:
        """Reject image sizes that these networks cannot take."""
        check_stride(data, generator=self.generator)
        if self.weight_gan > 0:
            check_patches(data, discriminator=self.discriminator)
        if self.weight_feature > 0:
            check_pretrained_side(self.pretrained, data)

    def check_shapes(self, task: Task) -> None:
        """Reject a target that the pretrained network does not see."""
        super().check_shapes(task)
        if self.weight_feature > 0:
            check_pretrained_channels(view_b=task.channels_b)
