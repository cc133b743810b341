"""The section of BiGAN and ALI between two views."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from trainer.config.adversarial import AdversarialConfig
from trainer.config.checks import check_patches, check_stride
from trainer.config.data import DataConfig, Pairing
from trainer.config.errors import STRICT, require
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.methods.shared.settings import cyclegan_adversarial, cyclegan_discriminator, cyclegan_generator

if TYPE_CHECKING:
    from trainer.config.method import Task
    from trainer.methods.base import Method


@dataclass(frozen=True, kw_only=True)
class BiGANImageConfig:
    """BiGAN / ALI with an image of view b in place of the code (Zhu et al. 2017, arXiv:1703.10593, section 5.1.1).

    The settings are those of that comparison, from its authors' code: CycleGAN's networks and schedule, least squares.
    """

    __pydantic_config__ = STRICT

    name: Literal["bigan_image"] = "bigan_image"
    pairing: ClassVar[Pairing] = "unpaired"
    needs_label: ClassVar = False
    fixed_size: ClassVar = False

    generator: GeneratorConfig = field(default_factory=cyclegan_generator)
    discriminator: PatchGANConfig = field(default_factory=cyclegan_discriminator)
    adversarial: AdversarialConfig = field(default_factory=cyclegan_adversarial)
    pool_size: int = 50
    """Joint pairs of each kind kept for the discriminator to see again, as in the authors' code; 0 is off."""

    def __post_init__(self) -> None:
        require(self.pool_size >= 0, "method.pool_size", self.pool_size, "use 0 (off) or more.")

    @property
    def stride(self) -> int:
        """Pixels: sides of images must be multiples of this."""
        return self.generator.stride

    def check(self, data: DataConfig) -> None:
        """Reject image sizes that these networks cannot take."""
        check_stride(self.generator, data)
        check_patches(self.discriminator, data)

    def build(self, task: "Task") -> "Method":
        """With freshly drawn weights; seed torch before."""
        from trainer.methods.bigan_image.method import BiGANImage

        return BiGANImage(self, task)
