"""The section of VAE/GAN."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from trainer.config.adversarial import AdversarialConfig
from trainer.config.bounds import AtLeast, AtLeastOne, NumberOrOff
from trainer.config.data import DataConfig
from trainer.config.domains import LossWeight
from trainer.config.errors import require
from trainer.config.latent import (
    DecoderConfig,
    DiscriminatorConfig,
    EncoderConfig,
    check_side,
    num_levels,
)
from trainer.config.method import MethodConfig
from trainer.config.optimizer import OptimizerConfig
from trainer.config.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class VAEGANConfig(MethodConfig):
    """VAE/GAN (Larsen et al. 2016, arXiv:1512.09300): likeness in features that a discriminator learns.

    The paper trains in batches of 64 with RMSProp at 3e-4. Its objective is `minimax`, with which the decoder gets no
    gradient once the discriminator recognises all its images. The authors' code then pauses the discriminator
    (`pause_margin` 0.35), which algorithm 1 does not: where `loss/discriminator/real` falls to 0 use that,
    `non-saturating`, or a `gamma` near 0.01.

    Networks are DCGAN's. The authors' have three halvings of 5x5 kernels (`kernel_size` 5), a dense layer before the
    code and the logit, and a first convolution of the discriminator that keeps the size; and ReLU, not LeakyReLU.
    """

    name: Literal["vaegan"] = "vaegan"
    discriminators = ("discriminator",)
    generators = ("encoder", "decoder")
    # Section 4; the decay is ours: the paper has none.
    recipe = Recipe(optimizer=OptimizerConfig(algorithm="rmsprop", lr=3e-4, schedule="constant"), batch_size=64)
    pairing = "single"
    fixed_size = True
    shows_labels = True
    draws = True

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    adversarial: AdversarialConfig = field(default_factory=lambda: AdversarialConfig(objective="minimax"))
    code_size: AtLeastOne = 128
    """Dimensions of the code."""
    layer: Annotated[int, AtLeast(1, "use 1 (the first convolution) or more.")] = 3
    """Level of the discriminator, counted from 1, whose features, before its norm, tell how alike two images are:
    the third of 64 pixels has 256 features at 8x8 pixels, as many as the authors'."""
    gamma: LossWeight = 1e-6
    """Weight of likeness against the adversarial loss in the decoder (the authors' code, like ours, sums the squared
    differences over all features)."""

    pause_margin: NumberOrOff = 0.0
    """The discriminator sits out a step where it is too good: where -log Dis(x), or -log(1 - Dis) of what the decoder
    makes, means over the images, is further than this below `pause_equilibrium`; the decoder, where one of them is
    further above it; neither where both would. 0.35 in the authors' code; 0 is off. It takes passes of its own."""
    pause_equilibrium: NumberOrOff = 0.68
    """Nats that both cost where the discriminator can only guess: about log 2, and 0.68 in the authors' code."""

    def check_fields(self) -> None:
        """Raise ConfigError for a rule of probabilities where there are none."""
        objective = self.adversarial.objective
        require(
            self.pause_margin == 0 or objective in ("minimax", "non-saturating"),
            "pause_margin",
            self.pause_margin,
            f"is of probabilities, which adversarial.objective = {objective!r} has none of; use 0, or minimax.",
        )

    def check(self, data: DataConfig) -> None:
        """Reject image sizes that these networks cannot take, and a layer that they do not have."""
        check_side(data)
        levels = num_levels(min(data.crop_shape))
        remedy = f"the discriminator of data.crop_size = {data.crop_size} has {levels} levels; use 1 to {levels}."
        require(self.layer <= levels, "method.layer", self.layer, remedy)
