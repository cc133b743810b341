"""The section of CUT and FastCUT."""

from dataclasses import dataclass, field, replace
from typing import Annotated, Literal, Self

from trainer.config.adversarial import AdversarialConfig
from trainer.config.bounds import AtLeast, AtLeastOne, MoreThan
from trainer.config.checks import check_identity, check_patches, check_stride
from trainer.config.data import DataConfig
from trainer.config.domains import LOSS_WEIGHT, LossWeight
from trainer.config.errors import require
from trainer.config.method import MethodConfig, Task
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.config.shrink import Limits
from trainer.methods.shared.settings import (
    CYCLEGAN_RECIPE,
    cyclegan_adversarial,
    cyclegan_discriminator,
    cyclegan_generator,
)


def cut_generator() -> GeneratorConfig:
    """CycleGAN's, but smoothed before it halves and as it doubles, as the default of the authors' code is."""
    return replace(cyclegan_generator(), downsampling="blurred", upsampling="bilinear")


@dataclass(frozen=True, kw_only=True)
class CUTConfig(MethodConfig):
    """CUT (Park et al. 2020, arXiv:2007.15651).

    FastCUT is `weight_nce` 10, `weight_identity` 0 and `flips`. The authors train with Adam at 2e-4, beta1 0.5, in
    batches of 1, CUT for 200 epochs and 200 more of linear decay, FastCUT for 150 and 50. The generator is CycleGAN's
    without strides; the discriminator of the authors' code smooths before it halves, too, which ours does not.
    """

    name: Literal["cut"] = "cut"
    discriminators = ("discriminator",)
    generators = ("generator",)
    recipe = CYCLEGAN_RECIPE

    generator: GeneratorConfig = field(default_factory=cut_generator)
    discriminator: PatchGANConfig = field(default_factory=cyclegan_discriminator)
    adversarial: AdversarialConfig = field(default_factory=cyclegan_adversarial)
    layers: tuple[str, ...] = ("image", "encoder.3", "encoder.6", "blocks.0", "blocks.4")
    """Of the generator, in whose activations patches are compared: of the ResNet the pixels, both convolutions that
    halve, and the first and fifth block, as in the paper; a U-Net has `image`, `encoder.0`, `encoder.1`, ..."""
    num_patches: Annotated[int, AtLeast(2, "use 2 or more: the others of an image are what one is told from.")] = 256
    """Places of each image and layer that are compared; all where a layer has fewer."""
    code_size: AtLeastOne = 256
    """Units of both layers of the heads H_l, and so the length of what is compared."""
    temperature: Annotated[float, MoreThan(0, "use more than 0.")] = 0.07
    """tau of equation 3."""
    weight_nce: Annotated[float, MoreThan(0, "use more than 0: nothing else keeps the content."), LOSS_WEIGHT] = 0.5
    """Weight of the contrastive loss of x and G(x) (lambda_X of equation 5), a mean over patches and layers. The paper
    has 1; its authors' code halves both terms where there are two."""
    weight_identity: LossWeight = 0.5
    """Weight of that of y and G(y) (lambda_Y of equation 5); 0 is off, as it must be where the views differ in
    channels."""
    flips: bool = False
    """Mirror every second input, at random, and compare with the features of the upright one (FastCUT, appendix)."""

    def small(self, most: Limits) -> Self:
        """Without the layers that a generator made smaller lacks."""
        smaller = super().small(most)
        present = smaller.generator.layers(in_channels=1)
        return replace(smaller, layers=tuple(name for name in self.layers if name in present))

    def check_fields(self) -> None:
        """Raise ConfigError for layers that the generator lacks."""
        present = self.generator.layers(in_channels=1)
        known = len(set(self.layers)) == len(self.layers) > 0 and present.keys() >= set(self.layers)
        require(known, "layers", self.layers, f"name at least one, each once, of: {', '.join(present)}.")

    def check(self, data: DataConfig) -> None:
        """Reject image sizes that these networks cannot take, or that leave one patch to compare."""
        check_stride(data, generator=self.generator)
        check_patches(data, discriminator=self.discriminator)
        present, (height, width) = self.generator.layers(in_channels=1), data.crop_shape
        for name in self.layers:
            stride = present[name].stride
            require(
                (height // stride) * (width // stride) > 1,
                "method.layers",
                self.layers,
                f"{name} has one place in crops of {height} x {width} pixels, with no other to tell it from; drop it.",
            )

    def check_shapes(self, task: Task) -> None:
        """Reject views that rule out the identity."""
        super().check_shapes(task)
        check_identity(self.weight_identity, channels_a=task.channels_a, channels_b=task.channels_b)
