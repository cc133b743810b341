"""The game between generators and discriminators."""

from dataclasses import dataclass
from typing import Annotated, Literal

from trainer.config.bounds import AtLeast, AtLeastOne, NumberOrOff
from trainer.config.domains import Factor, LossWeight, Searched
from trainer.config.errors import require
from trainer.config.section import Section

Objective = Literal["minimax", "non-saturating", "least-squares", "wasserstein", "hinge"]


@dataclass(frozen=True, kw_only=True)
class AdversarialConfig(Section):
    """Objective and regularisation of the discriminators."""

    objective: Objective = "non-saturating"
    """`minimax` and `non-saturating`: Goodfellow et al. 2014; `least-squares`: Mao et al. 2017; `wasserstein`: Arjovsky
    et al. 2017; `hinge`: Lim & Ye 2017."""
    label_smoothing: Annotated[float, AtLeast(0, "use 0 (off) up to, not including, 1.", below=1)] = 0.0
    """How far the label of real images lies below 1, for the discriminator alone; fakes keep 0 (one-sided: Salimans et
    al. 2016, arXiv:1606.03498, section 3.4, with 0.1). Of objectives that have labels; 0 is off."""
    weight_clip: Annotated[NumberOrOff, Searched("optimizer", Factor(10))] = 0.0
    """Largest absolute weight of a critic after each of its steps (Arjovsky et al. 2017: 0.01); 0 is off."""
    weight_gradient_penalty: LossWeight = 0.0
    """Of (|grad D| - 1)^2 between real and fake (Gulrajani et al. 2017: 10); 0 is off."""
    weight_r1: LossWeight = 0.0
    """Of half |grad D|^2 on real images (Mescheder et al. 2018: 10); 0 is off."""
    num_discriminator_steps: AtLeastOne = 1
    """Steps of the discriminators, each on a batch of its own, to one step of the generators."""
    num_generator_steps: AtLeastOne = 1
    """Steps of the generators, likewise, to one of the discriminators: DiscoGAN's code has 2."""

    def check_fields(self) -> None:
        """Raise ConfigError for a critic without bounds or with labels, and for players that would both wait."""
        require(
            self.label_smoothing == 0 or self.objective not in ("wasserstein", "hinge"),
            "label_smoothing",
            self.label_smoothing,
            f"objective = {self.objective!r} has no labels; use 0, or another objective.",
        )
        require(
            min(self.num_discriminator_steps, self.num_generator_steps) == 1,
            "num_generator_steps",
            self.num_generator_steps,
            f"one of both must be 1, and num_discriminator_steps = {self.num_discriminator_steps}; use 1 for one.",
        )
        require(
            self.objective != "wasserstein" or self.weight_clip > 0 or self.weight_gradient_penalty > 0,
            "objective",
            self.objective,
            "needs a bounded critic: set weight_clip = 0.01 or weight_gradient_penalty = 10.",
        )

    @property
    def differentiates_gradients(self) -> bool:
        """Whether the discriminator's loss holds gradients of its own, which ZeRO 3 cannot compute."""
        return self.weight_gradient_penalty > 0 or self.weight_r1 > 0
