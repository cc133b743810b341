"""The section of coupled GANs."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from trainer.config.adversarial import AdversarialConfig
from trainer.config.bounds import AtLeastOne, MoreThan
from trainer.config.data import DataConfig
from trainer.config.errors import require
from trainer.config.latent import (
    DecoderConfig,
    DiscriminatorConfig,
    Noise,
    check_side,
    num_levels,
)
from trainer.config.method import MethodConfig
from trainer.config.optimizer import OptimizerConfig
from trainer.config.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class CoGANConfig(MethodConfig):
    """CoGAN (Liu & Tuzel 2016, arXiv:1606.07536).

    Its networks for faces are DCGAN's; here they share as its networks for digits do, all but the layer next to the
    image. The authors' code trains with Adam at 2e-4 and beta1 0.5, in batches of 64 (digits) or 128 (faces).
    """

    name: Literal["cogan"] = "cogan"
    discriminators = ("discriminators",)
    generators = ("generators",)
    # The authors' solver for faces; that for digits has 5e-4 and 64.
    recipe = Recipe(optimizer=OptimizerConfig(schedule="constant", weight_decay=1e-4), batch_size=128)
    fixed_size = True
    translates_back = True
    draws = True

    generator: DecoderConfig = field(default_factory=DecoderConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)
    code_size: AtLeastOne = 100
    """Dimensions of the noise z."""
    noise: Noise = "uniform"
    """Of each dimension of z: `uniform` in [-1, 1), or `normal`."""
    num_private_generator_layers: AtLeastOne = 1
    """Last layers that each generator has for itself; those before, from z on, are shared."""
    num_private_discriminator_layers: AtLeastOne = 1
    """First layers that each discriminator has for itself; those after, up to the logit, are shared."""
    num_inversion_steps: AtLeastOne = 200
    """Steps that look for the code of an image, in order to translate it."""
    num_restarts: AtLeastOne = 4
    """Codes that the search starts from; the best counts. Time and memory of a translation grow with it."""
    inversion_lr: Annotated[float, MoreThan(0, "use a positive number, e.g. 0.1.")] = 0.1
    """Step size of that search (Adam; the paper has L-BFGS, of which it gives no settings)."""

    def check(self, data: DataConfig) -> None:
        """Reject image sizes that these networks cannot take, and networks that would share nothing."""
        check_side(data)
        most = num_levels(min(data.crop_shape))
        for name in ("num_private_generator_layers", "num_private_discriminator_layers"):
            value = getattr(self, name)
            remedy = f"networks for {data.crop_size} pixels have {most + 1} layers, of which one must be shared"
            require(value <= most, f"method.{name}", value, f"{remedy}; use {most} or fewer.")
