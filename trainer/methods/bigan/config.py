"""The section of BiGAN and ALI between images and codes; `bigan_image/` has the one between two views."""

from dataclasses import dataclass, field
from typing import Literal

from trainer.config.adversarial import AdversarialConfig
from trainer.config.bounds import AtLeastOne
from trainer.config.data import DataConfig
from trainer.config.latent import (
    DecoderConfig,
    DiscriminatorConfig,
    EncoderConfig,
    Noise,
    check_side,
)
from trainer.config.method import MethodConfig
from trainer.config.optimizer import OptimizerConfig
from trainer.config.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class BiGANConfig(MethodConfig):
    """BiGAN (Donahue et al. 2017, arXiv:1605.09782) and ALI (Dumoulin et al. 2017, arXiv:1606.00704).

    The defaults are BiGAN's on ImageNet at 64 pixels: a code of 200, uniform, and an encoder without noise. ALI's on
    CelebA are code_size 256, noise normal, posterior gaussian, in batches of 100 with Adam at 1e-4 and beta1 0.5. Its
    code gives the discriminator both kinds of pairs as one batch; here batch norms see each kind by itself.
    """

    name: Literal["bigan"] = "bigan"
    discriminators = ("discriminator",)
    generators = ("encoder_generator",)
    # The authors' code: the rate falls to a hundredth over the second half; 2.5e-5 is the weight decay.
    recipe = Recipe(
        optimizer=OptimizerConfig(weight_decay=2.5e-5, schedule="exponential", decay_factor=0.01), batch_size=128
    )
    pairing = "single"
    fixed_size = True
    shows_labels = True
    draws = True

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    generator: DecoderConfig = field(default_factory=DecoderConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)
    code_size: AtLeastOne = 200
    """Dimensions of the code z."""
    noise: Noise = "uniform"
    """The prior of each dimension of z: `uniform` in [-1, 1), or `normal`."""
    posterior: Literal["deterministic", "gaussian"] = "deterministic"
    """The code of an image: what the encoder says (BiGAN), or a draw from the Gaussian that it describes (ALI)."""

    def check(self, data: DataConfig) -> None:
        """Reject image sizes that these networks cannot take."""
        check_side(data)
