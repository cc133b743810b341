"""The section of pix2pix."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from trainer.config.adversarial import AdversarialConfig
from trainer.config.checks import check_patches, check_stride
from trainer.config.data import DataConfig, Pairing
from trainer.config.errors import STRICT, require
from trainer.config.networks import GeneratorConfig, PatchGANConfig

if TYPE_CHECKING:
    from trainer.config.method import Task
    from trainer.methods.base import Method


@dataclass(frozen=True, kw_only=True)
class Pix2PixConfig:
    """pix2pix (Isola et al. 2017, arXiv:1611.07004)."""

    __pydantic_config__ = STRICT

    name: Literal["pix2pix"] = "pix2pix"
    pairing: ClassVar[Pairing] = "paired"
    needs_label: ClassVar = False
    fixed_size: ClassVar = False

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: PatchGANConfig = field(default_factory=PatchGANConfig)
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)
    conditional: bool = True
    """The discriminator sees the input beside the output (cGAN); without it, the output alone (GAN)."""
    weight_gan: float = 1.0
    """Weight of the adversarial loss; 0 leaves L1 alone, and trains no discriminator."""
    weight_l1: float = 100.0
    """Weight of the L1 distance to the target (lambda of equation 4); 0 leaves the GAN alone."""

    def __post_init__(self) -> None:
        for name in ("weight_gan", "weight_l1"):
            require(getattr(self, name) >= 0, f"method.{name}", getattr(self, name), "use 0 (off) or more.")
        require(self.weight_gan + self.weight_l1 > 0, "method.weight_l1", self.weight_l1, "one weight must be above 0.")

    @property
    def stride(self) -> int:
        """Pixels: sides of images must be multiples of this."""
        return self.generator.stride

    def check(self, data: DataConfig) -> None:
        """Reject image sizes that these networks cannot take."""
        check_stride(self.generator, data)
        if self.weight_gan > 0:
            check_patches(self.discriminator, data)

    def build(self, task: "Task") -> "Method":
        """With freshly drawn weights; seed torch before."""
        from trainer.methods.pix2pix.method import Pix2Pix

        return Pix2Pix(self, task)
