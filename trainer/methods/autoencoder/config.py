"""The section of the auto-encoder."""

from dataclasses import dataclass, field
from typing import Literal

from trainer.config.bounds import AtLeastOne
from trainer.config.data import DataConfig
from trainer.config.latent import DecoderConfig, EncoderConfig, check_side
from trainer.config.method import MethodConfig
from trainer.config.optimizer import OptimizerConfig
from trainer.config.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig(MethodConfig):
    """A convolutional auto-encoder: learns a code of images without labels."""

    name: Literal["autoencoder"] = "autoencoder"
    generators = ("autoencoder",)
    # Ours: no paper.
    recipe = Recipe(optimizer=OptimizerConfig(lr=1e-3, beta1=0.9, schedule="constant"), batch_size=64)
    pairing = "single"
    fixed_size = True
    shows_labels = True

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    code_size: AtLeastOne = 128
    """Dimensions of the code."""
    distance: Literal["l1", "l2"] = "l2"
    """What the reconstruction minimises: the mean absolute (`l1`) or squared (`l2`) error of a pixel."""

    def check(self, data: DataConfig) -> None:
        """Reject image sizes that these networks cannot take."""
        check_side(data)
