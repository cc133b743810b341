"""The section of the conditional GAN."""

from dataclasses import dataclass, field
from typing import Literal

from trainer.config.adversarial import AdversarialConfig
from trainer.config.bounds import AtLeastOne
from trainer.config.data import DataConfig
from trainer.config.domains import LossWeight
from trainer.config.errors import require
from trainer.config.latent import DecoderConfig, DiscriminatorConfig, Noise, check_side
from trainer.config.method import MethodConfig, Task
from trainer.methods.shared.settings import DCGAN_RECIPE


@dataclass(frozen=True, kw_only=True)
class CGANConfig(MethodConfig):
    """Conditional GAN (Mirza & Osindero 2014, arXiv:1411.1784) with DCGAN's networks; the condition is `data.label`."""

    name: Literal["cgan"] = "cgan"
    discriminators = ("discriminator",)
    generators = ("generator",)
    recipe = DCGAN_RECIPE
    pairing = "single"
    needs_label = True
    fixed_size = True
    translates = False
    draws = True
    shows_labels = True

    generator: DecoderConfig = field(default_factory=DecoderConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)
    code_size: AtLeastOne = 100
    """Dimensions of the noise z."""
    noise: Noise = "uniform"
    """Of each dimension of z: `uniform` in [-1, 1), or `normal`."""
    weight_wrong_condition: LossWeight = 0.0
    """Weight of a third kind of example for the discriminator, a real image with another label, to be told from the
    real one (Reed et al. 2016, arXiv:1605.05396, algorithm 1, where it and the fakes weigh a half each; here fakes
    weigh 1 with any weight); 0 is off."""

    def check(self, data: DataConfig) -> None:
        """Reject image sizes that these networks cannot take."""
        check_side(data)

    def check_shapes(self, task: Task) -> None:
        """Reject a label of one value, where wrong labels are asked for."""
        super().check_shapes(task)
        require(
            self.weight_wrong_condition == 0 or task.num_labels >= 2,
            "method.weight_wrong_condition",
            self.weight_wrong_condition,
            "needs a label of two values or more, or no label is wrong; use 0, or another data.label.",
        )
