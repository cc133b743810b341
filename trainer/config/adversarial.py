"""The game between generators and discriminators."""

from dataclasses import dataclass
from typing import Literal

from trainer.config.errors import STRICT, require

Objective = Literal["minimax", "non-saturating", "least-squares", "wasserstein", "hinge"]


@dataclass(frozen=True, kw_only=True)
class AdversarialConfig:
    """Objective and regularisation of the discriminators."""

    __pydantic_config__ = STRICT

    objective: Objective = "non-saturating"
    """`minimax` and `non-saturating`: Goodfellow et al. 2014; `least-squares`: Mao et al. 2017; `wasserstein`: Arjovsky
    et al. 2017; `hinge`: Lim & Ye 2017."""
    weight_clip: float = 0.0
    """Largest absolute weight of a critic after each of its steps (Arjovsky et al. 2017: 0.01); 0 is off."""
    weight_gradient_penalty: float = 0.0
    """Of (|grad D| - 1)^2 between real and fake (Gulrajani et al. 2017: 10); 0 is off."""
    weight_r1: float = 0.0
    """Of half |grad D|^2 on real images (Mescheder et al. 2018: 10); 0 is off."""
    num_discriminator_steps: int = 1
    """Steps of the discriminators, each on a batch of its own, to one step of the generators."""

    def __post_init__(self) -> None:
        for name in ("weight_clip", "weight_gradient_penalty", "weight_r1"):
            value = getattr(self, name)
            require(value >= 0, f"method.adversarial.{name}", value, "use 0 (off) or more.")
        steps = self.num_discriminator_steps
        require(steps >= 1, "method.adversarial.num_discriminator_steps", steps, "use 1 or more.")
        require(
            self.objective != "wasserstein" or self.weight_clip > 0 or self.weight_gradient_penalty > 0,
            "method.adversarial.objective",
            self.objective,
            "needs a bounded critic: set weight_clip = 0.01 or weight_gradient_penalty = 10.",
        )

    @property
    def differentiates_gradients(self) -> bool:
        """Whether the discriminator's loss holds gradients of its own, which ZeRO 3 cannot compute."""
        return self.weight_gradient_penalty > 0 or self.weight_r1 > 0
