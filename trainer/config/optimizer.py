"""How the players' weights are optimised."""

from dataclasses import dataclass
from typing import Literal

from trainer.config.errors import STRICT, require


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """How every player is optimised; the defaults are those of Isola et al. 2017 (section 3.3)."""

    __pydantic_config__ = STRICT

    algorithm: Literal["adam", "rmsprop"] = "adam"
    """`rmsprop` is what methods with clipped critics use: momentum makes them unstable."""
    lr: float = 2e-4
    """Learning rate."""
    discriminator_lr_factor: float = 1.0
    """Learning rate of discriminators and critics, as a multiple of `lr`."""
    beta1: float = 0.5
    """Adam's decay of the mean of gradients."""
    beta2: float = 0.999
    """Decay of the mean of squared gradients (of RMSProp, too)."""
    weight_decay: float = 0.0
    """L2 penalty added to the gradients."""
    schedule: Literal["linear", "constant", "cosine", "step"] = "linear"
    """`linear` and `cosine` fall to zero at the end of the run, `step` to a tenth at each step; `constant` stays."""
    decay_start: float = 0.5
    """Fraction of the run after which `linear` and `cosine` begin to fall, and the length of one step of `step`."""

    def __post_init__(self) -> None:
        require(self.lr > 0, "optimizer.lr", self.lr, "use a positive number, e.g. 2e-4.")
        for name in ("beta1", "beta2"):
            value = getattr(self, name)
            require(0 <= value < 1, f"optimizer.{name}", value, "use 0 up to, not including, 1.")
        for name in ("discriminator_lr_factor", "weight_decay"):
            require(getattr(self, name) >= 0, f"optimizer.{name}", getattr(self, name), "use 0 or more.")
        require(
            self.schedule != "step" or self.decay_start > 0,
            "optimizer.decay_start",
            self.decay_start,
            "is the length of one step of optimizer.schedule = 'step'; use more than 0.",
        )
        require(0 <= self.decay_start < 1, "optimizer.decay_start", self.decay_start, "use 0 to below 1.")
