"""The section of DiscoGAN."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from trainer.config.adversarial import AdversarialConfig
from trainer.config.bounds import AtLeast, NumberOrOff, Share
from trainer.config.checks import check_patches, check_stride
from trainer.config.data import DataConfig
from trainer.config.domains import Searched, Uniform, Width
from trainer.config.method import MethodConfig
from trainer.config.networks import GeneratorConfig, Norm
from trainer.config.optimizer import OptimizerConfig
from trainer.config.recipe import Recipe
from trainer.config.section import Section


@dataclass(frozen=True, kw_only=True)
class FeatureDiscriminatorConfig(Section):
    """The discriminator of DiscoGAN, whose features can be matched (Kim et al. 2017, section 3.1)."""

    num_filters: Width = 64
    """Channels after the first convolution; doubled at each layer up to 8 times as many."""
    num_layers: Annotated[int, AtLeast(1, "use 1 to 8.", most=8)] = 4
    """Halvings before the last convolution, of 4x4: 4 leave of 64 pixels one logit, 5 of 128."""
    norm: Norm = "batch"
    """Normalisation of all but the first and the last layer."""
    spectral_norm: bool = False
    """Divide each weight by its largest singular value (Miyato et al. 2018)."""

    @property
    def smallest_image(self) -> int:
        """Pixels: the smallest input that leaves one logit."""
        return 4 * 2**self.num_layers


@dataclass(frozen=True, kw_only=True)
class DiscoGANConfig(MethodConfig):
    """DiscoGAN (Kim et al. 2017, arXiv:1703.05192).

    The paper trains on 64 pixels with Adam at 2e-4, beta1 0.5 and beta2 0.999, weight decay 1e-4 (1e-5 in the
    authors' code), in batches of 200 (64). The authors' code also has a curriculum and matches features:
    curriculum_kimg 640 and feature_share 0.9.
    """

    name: Literal["discogan"] = "discogan"
    discriminators = ("discriminators",)
    generators = ("generators",)
    # The authors' code has 1e-5 and 64.
    recipe = Recipe(optimizer=OptimizerConfig(schedule="constant", weight_decay=1e-4), batch_size=200)
    translates_back = True

    generator: GeneratorConfig = field(default_factory=lambda: GeneratorConfig(num_downs=4, skips="none", dropout=0.0))
    discriminator: FeatureDiscriminatorConfig = field(default_factory=FeatureDiscriminatorConfig)
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)
    const_share: Annotated[Share, Searched("weights", Uniform(0.1, 0.9))] = 0.5
    """Share of the reconstruction L_CONST in the generators' loss, beside L_GAN; half is the paper's plain sum."""
    const_share_start: Share = 0.01
    """The share during the curriculum."""
    curriculum_kimg: NumberOrOff = 0.0
    """Thousands of images before `const_share` takes the place of `const_share_start`; 0 is no curriculum. The authors'
    code has 10,000 steps of 64 images: 640."""
    feature_share: Share = 0.0
    """Share, within L_GAN, of the distance between mean features of real and generated images; 0 is off, and 0.9 the
    authors' code. Means are those of a micro-batch of all ranks."""

    @property
    def averages_over_ranks(self) -> bool:
        """The distance between mean features is."""
        return self.feature_share > 0

    def check(self, data: DataConfig) -> None:
        """Reject image sizes that these networks cannot take."""
        check_stride(data, generator=self.generator)
        check_patches(data, discriminator=self.discriminator)
