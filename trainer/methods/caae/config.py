"""The section of the conditional adversarial auto-encoder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from trainer.config.adversarial import AdversarialConfig
from trainer.config.bounds import AtLeast, AtLeastOne, MoreThan
from trainer.config.data import DataConfig
from trainer.config.domains import LOSS_WEIGHT, HalvedOrDoubled, LossWeight, Searched
from trainer.config.latent import check_side
from trainer.config.method import MethodConfig
from trainer.config.networks import Norm, Upsampling
from trainer.config.optimizer import OptimizerConfig
from trainer.config.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class CAAEConfig(MethodConfig):
    """CAAE (Zhang et al. 2017, arXiv:1702.08423): a face at another age, or anything with an ordered label.

    The paper trains on faces of 128 pixels in batches of 100, with Adam at 2e-4 and beta1 0.5, for about 50 epochs. Its
    weights are 100 and 10, without saying whether its norms are sums or means: here they are means over pixels. The
    authors' code sums, and divides the total variation by the side: 10 to 100 is 10 / 128 to 100 in means. As released
    it has other weights: L1 of weight 1, `weight_gan_image` 0.0001, and 0 for the code's adversarial term and the total
    variation.
    """

    name: Literal["caae"] = "caae"
    discriminators = ("discriminator_z", "discriminator_image")
    generators = ("autoencoder",)
    recipe = Recipe(optimizer=OptimizerConfig(schedule="constant"), batch_size=100)
    pairing = "single"
    needs_label = True
    fixed_size = True
    smallest_batch = 2  # the discriminator of codes, which have no pixels, normalises over the batch
    translates = False
    shows_labels = True

    second_label: str | None = None
    """Name of another label of the data set, which images keep while the first changes, e.g. gender, as in the authors'
    code: the generator and the discriminator of images take it beside the first. None: they take one label."""
    num_filters: Annotated[int, AtLeast(4, "use 4 or more."), Searched("architecture", HalvedOrDoubled())] = 64
    """Channels after the encoder's first convolution, doubled at each level down to 4x4 pixels: 64 to 1024 for 128
    pixels. The generator mirrors them, and the discriminator of images begins with a quarter of them."""
    upsampling: Upsampling = "transposed"
    """How the generator doubles its features: `transposed` convolutions are the paper's; `nearest` and `bilinear` have
    no grid of dots (see `GeneratorConfig`)."""
    norm: Norm = "batch"
    """Normalisation of the discriminators (that of codes, which have no pixels, knows `batch` alone). Encoder and
    generator have none: it would blur personal features, says the paper."""
    spectral_norm: bool = False
    """Divide each weight of the discriminators by its largest singular value (Miyato et al. 2018)."""
    autoencoder_spectral_norm: bool = False
    """Likewise of the encoder and the generator."""
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)
    code_size: AtLeastOne = 50
    """Dimensions of the code z, each in [-1, 1]; the label is repeated until it is about as long."""
    distance: Literal["l1", "l2"] = "l2"
    """What the reconstruction minimises: the mean absolute (`l1`) or squared (`l2`, equation 1) error of a pixel."""
    weight_reconstruction: Annotated[
        float, MoreThan(0, "use more than 0: nothing else keeps the identity."), LOSS_WEIGHT
    ] = 100.0
    """Weight of that (lambda of equation 4)."""
    weight_total_variation: LossWeight = 0.08
    """Weight of the total variation of generated images, a mean of squares, against ghosts: 10 / 128 for the paper's 10
    (gamma of equation 4); 0 is off."""
    weight_gan_z: LossWeight = 1.0
    """Weight of the term that draws the codes of images to the uniform prior (equation 2); 0 is off."""
    weight_gan_image: LossWeight = 1.0
    """Weight of the term that makes images look real and of their label (equation 3); 0 is off."""

    @property
    def further_labels(self) -> Mapping[str, str]:
        """The second label, if there is one."""
        return {} if self.second_label is None else {"second_label": self.second_label}

    def check(self, data: DataConfig) -> None:
        """Reject image sizes that these networks cannot take."""
        check_side(data)
