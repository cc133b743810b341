"""How the players' weights are optimised."""

from dataclasses import dataclass
from typing import Annotated, Literal

from trainer.config.bounds import AtLeast, MoreThan
from trainer.config.errors import require
from trainer.config.section import Section

_Factor = Annotated[float, AtLeast(0, "use 0 or more.")]
_Decay = Annotated[float, AtLeast(0, "use 0 up to, not including, 1.", below=1)]


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig(Section):
    """How every player is optimised; the defaults are those of Isola et al. 2017 (section 3.3)."""

    algorithm: Literal["adam", "rmsprop"] = "adam"
    """`rmsprop` is what methods with clipped critics use: momentum makes them unstable (Arjovsky et al. 2017)."""
    lr: Annotated[float, MoreThan(0, "use a positive number, e.g. 2e-4.")] = 2e-4
    """Learning rate."""
    discriminator_lr_factor: _Factor = 1.0
    """Learning rate of discriminators and critics, as a multiple of `lr`."""
    beta1: _Decay = 0.5
    """Adam's decay of the mean of gradients."""
    beta2: _Decay = 0.999
    """Adam's decay of the mean of squared gradients."""
    rmsprop_decay: _Decay = 0.9
    """RMSProp's decay of the mean of squared gradients: 0.9 in Hinton's lecture and in DualGAN's code; that of WGAN has
    0.99, torch's default."""
    clipped_momentum: bool = False
    """Let Adam with `beta1` above 0 train a critic whose weights are clipped, which is refused otherwise: Arjovsky et
    al. 2017 (section 4) found training with momentum to become unstable."""
    weight_decay: _Factor = 0.0
    """L2 penalty added to the gradients."""
    schedule: Literal["linear", "constant", "cosine", "step"] = "linear"
    """`linear` and `cosine` fall to zero at the end of the run, `step` to a tenth at each step; `constant` stays."""
    decay_start: Annotated[float, AtLeast(0, "use 0 to below 1.", below=1)] = 0.5
    """Fraction of the run after which `linear` and `cosine` begin to fall, and the length of one step of `step`."""

    def check_fields(self) -> None:
        """Raise ConfigError for steps without length."""
        require(
            self.schedule != "step" or self.decay_start > 0,
            "decay_start",
            self.decay_start,
            "is the length of one step of optimizer.schedule = 'step'; use more than 0.",
        )
