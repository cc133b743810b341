"""The section of the generative adversarial network."""

from dataclasses import dataclass, field
from typing import Literal

from trainer.config.adversarial import AdversarialConfig
from trainer.config.bounds import AtLeastOne
from trainer.config.data import DataConfig
from trainer.config.latent import DecoderConfig, DiscriminatorConfig, Noise, check_side
from trainer.config.method import MethodConfig
from trainer.methods.shared.settings import DCGAN_RECIPE


@dataclass(frozen=True, kw_only=True)
class GANConfig(MethodConfig):
    """GAN (Goodfellow et al. 2014, arXiv:1406.2661) with DCGAN's networks (Radford et al. 2016, arXiv:1511.06434).

    DCGAN trains in batches of 128 with Adam at 2e-4 and beta1 0.5.
    """

    name: Literal["gan"] = "gan"
    discriminators = ("discriminator",)
    generators = ("generator",)
    recipe = DCGAN_RECIPE
    pairing = "single"
    fixed_size = True
    translates = False
    draws = True

    generator: DecoderConfig = field(default_factory=DecoderConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)
    code_size: AtLeastOne = 100
    """Dimensions of the noise z."""
    noise: Noise = "uniform"
    """Of each dimension of z: `uniform` in [-1, 1) as in DCGAN, or `normal`."""

    def check(self, data: DataConfig) -> None:
        """Reject image sizes that these networks cannot take."""
        check_side(data)
