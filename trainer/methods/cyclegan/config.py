"""The section of CycleGAN."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from trainer.config.adversarial import AdversarialConfig
from trainer.config.bounds import AtLeast, CountOrOff
from trainer.config.checks import check_identity, check_patches, check_stride
from trainer.config.data import DataConfig
from trainer.config.domains import LOSS_WEIGHT, LossWeight
from trainer.config.method import MethodConfig, Task
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.methods.shared.settings import (
    CYCLEGAN_RECIPE,
    cyclegan_adversarial,
    cyclegan_discriminator,
    cyclegan_generator,
)

_OwnWeight = Annotated[float | None, AtLeast(0, "use 0 (off) or more."), LOSS_WEIGHT]


@dataclass(frozen=True, kw_only=True)
class CycleGANConfig(MethodConfig):
    """CycleGAN (Zhu et al. 2017, arXiv:1703.10593).

    The paper trains for 200 epochs with Adam at 2e-4, beta1 0.5, batches of 1, and a linear decay in the second half.
    """

    name: Literal["cyclegan"] = "cyclegan"
    discriminators = ("discriminators",)
    generators = ("generators",)
    recipe = CYCLEGAN_RECIPE
    translates_back = True

    generator: GeneratorConfig = field(default_factory=cyclegan_generator)
    discriminator: PatchGANConfig = field(default_factory=cyclegan_discriminator)
    adversarial: AdversarialConfig = field(default_factory=cyclegan_adversarial)
    weight_cycle: LossWeight = 10.0
    """Weight of the L1 distance between an image and its round trip (lambda of equation 3); 0 is off."""
    weight_cycle_a: _OwnWeight = None
    """The same of view a's round trip alone (lambda_A in the authors' code), in place of `weight_cycle`: smaller where
    view b cannot hold all that view a shows, e.g. labels of photos."""
    weight_cycle_b: _OwnWeight = None
    """The same of view b (lambda_B)."""
    weight_identity: LossWeight = 0.5
    """Weight, in units of the cycle weight of the same view, of the L1 distance between an image of the target view and
    its translation (section 5.2; always on in the authors' code); 0 is off, as it must be where the views differ in
    channels."""
    pool_size: CountOrOff = 50
    """Generated images kept, of each view, for the discriminators to see again (section 4); 0 is off."""

    @property
    def cycle_weights(self) -> dict[str, float]:
        """Weight of the round trip of view `a` and of view `b`."""
        given = {"a": self.weight_cycle_a, "b": self.weight_cycle_b}
        return {view: self.weight_cycle if weight is None else weight for view, weight in given.items()}

    def check(self, data: DataConfig) -> None:
        """Reject image sizes that these networks cannot take."""
        check_stride(data, generator=self.generator)
        check_patches(data, discriminator=self.discriminator)

    def check_shapes(self, task: Task) -> None:
        """Reject views that rule out the identity."""
        super().check_shapes(task)
        check_identity(self.weight_identity, channels_a=task.channels_a, channels_b=task.channels_b)
