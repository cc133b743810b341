"""The section of the variational auto-encoder."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from trainer.config.bounds import AtLeast, AtLeastOne
from trainer.config.data import DataConfig
from trainer.config.domains import LOSS_WEIGHT
from trainer.config.latent import DecoderConfig, EncoderConfig, check_side
from trainer.config.method import MethodConfig
from trainer.config.optimizer import OptimizerConfig
from trainer.config.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class VAEConfig(MethodConfig):
    """Variational auto-encoder (Kingma & Welling 2014, arXiv:1312.6114), here of convolutions."""

    name: Literal["vae"] = "vae"
    generators = ("autoencoder",)
    # Section 5; it chose among 0.01, 0.02 and 0.1.
    recipe = Recipe(optimizer=OptimizerConfig(algorithm="adagrad", lr=0.01, schedule="constant"), batch_size=100)
    pairing = "single"
    fixed_size = True
    shows_labels = True
    draws = True

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    code_size: AtLeastOne = 20
    """Dimensions of the code (the paper: 2 to 20 for faces, up to 200 for digits)."""
    beta: Annotated[float, AtLeast(0, "use 0 (no prior) or more; the paper's bound has 1."), LOSS_WEIGHT] = 1.0
    """Weight of the divergence from the prior: 1 is the paper's bound, more is beta-VAE (Higgins et al. 2017)."""
    likelihood: Literal["gaussian", "bernoulli"] = "gaussian"
    """Of a pixel given the code: `gaussian` with variance 1 around the decoder's value, or `bernoulli` (for images
    that are nearly black and white), a grey value being the probability of white."""

    def check(self, data: DataConfig) -> None:
        """Reject image sizes that these networks cannot take."""
        check_side(data)
