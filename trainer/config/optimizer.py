"""How the players' weights are optimised."""

from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Literal

from trainer.config.bounds import AtLeast, MoreThan, NumberOrOff
from trainer.config.domains import Choice, Factor, Searched
from trainer.config.errors import require
from trainer.config.section import Section

Algorithm = Literal["adam", "adamw", "rmsprop", "adagrad"]
_RATE = MoreThan(0, "use a positive number, e.g. 2e-4.")
_FROM_ZERO = AtLeast(0, "use 0 or more.")
_BELOW_ONE = AtLeast(0, "use 0 up to, not including, 1.", below=1)


@dataclass(frozen=True, kw_only=True)
class PlayerOptimizerConfig(Section):
    """What one player has of its own, in place of what all players have; None is what all have."""

    algorithm: Algorithm | None = None
    """As `optimizer.algorithm`."""
    lr: Annotated[float | None, _RATE] = None
    """Learning rate, which `discriminator_lr_factor` leaves alone; it follows the schedule of all."""
    beta1: Annotated[float | None, _BELOW_ONE] = None
    """As `optimizer.beta1`, and so on."""
    beta2: Annotated[float | None, _BELOW_ONE] = None
    """Of Adam."""
    rmsprop_decay: Annotated[float | None, _BELOW_ONE] = None
    """Of RMSProp."""
    weight_decay: Annotated[float | None, _FROM_ZERO] = None
    """Of all algorithms."""


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig(Section):
    """How every player is optimised. The defaults are those of Isola et al. 2017 (section 3.3), but for the schedule,
    which is that of Zhu et al. 2017.
    """

    algorithm: Algorithm = "adam"
    """`adamw` is Adam with a weight decay of its own (Loshchilov & Hutter 2019). `rmsprop` is what methods with clipped
    critics use: momentum makes them unstable (Arjovsky et al. 2017)."""
    lr: Annotated[float, _RATE, Searched("optimizer", Factor(5))] = 2e-4
    """Learning rate."""
    discriminator_lr_factor: Annotated[float, _FROM_ZERO, Searched("optimizer", Factor(4))] = 1.0
    """Learning rate of discriminators and critics, as a multiple of `lr`."""
    beta1: Annotated[
        float, _BELOW_ONE, Searched("optimizer", Choice(0.0, 0.5, 0.9), only=("algorithm", ("adam", "adamw")))
    ] = 0.5
    """Adam's decay of the mean of gradients."""
    beta2: Annotated[float, _BELOW_ONE] = 0.999
    """Adam's decay of the mean of squared gradients."""
    rmsprop_decay: Annotated[
        float, _BELOW_ONE, Searched("optimizer", Choice(0.9, 0.99, 0.999), only=("algorithm", ("rmsprop",)))
    ] = 0.9
    """RMSProp's decay of the mean of squared gradients: 0.9 in Hinton's lecture and in DualGAN's code; that of WGAN has
    0.99, torch's default."""
    clipped_momentum: bool = False
    """Let Adam with `beta1` above 0 train a critic whose weights are clipped, which is refused otherwise: Arjovsky et
    al. 2017 (section 4) found training with momentum to become unstable."""
    weight_decay: Annotated[float, _FROM_ZERO] = 0.0
    """L2 penalty added to the gradients; with `adamw` this share of the weights, times the rate, is taken off them."""
    schedule: Literal["linear", "constant", "cosine", "exponential", "step"] = "linear"
    """`linear` and `cosine` fall to zero at the end of the run, `exponential` to `decay_factor` of the rate, `step` by
    that factor at each step; `constant` stays."""
    decay_start: Annotated[float, AtLeast(0, "use 0 to below 1.", below=1)] = 0.5
    """Fraction of the run after which `linear`, `cosine` and `exponential` begin to fall; length of one step of `step`.
    """
    decay_factor: Annotated[float, MoreThan(0, "use more than 0, up to 1.", most=1)] = 0.1
    """What `step` multiplies the rate by at each step, and what `exponential` leaves of it at the end."""
    warmup_kimg: NumberOrOff = 0.0
    """Thousands of images in which the rate rises evenly from zero to its schedule's; 0 is off."""
    players: dict[str, PlayerOptimizerConfig] = field(default_factory=dict)
    """What players have of their own, by the names that losses have in metrics: `--optimizer.players.generator.lr`."""

    def check_fields(self) -> None:
        """Raise ConfigError for steps without length."""
        require(
            self.schedule != "step" or self.decay_start > 0,
            "decay_start",
            self.decay_start,
            "is the length of one step of optimizer.schedule = 'step'; use more than 0.",
        )

    def of(self, player: str) -> "OptimizerConfig":
        """The settings of one player; its rate is `lr` times `lr_factor`."""
        own = self.players.get(player, PlayerOptimizerConfig())
        values = {entry.name: getattr(own, entry.name) for entry in fields(own)}
        return replace(self, players={}, **{name: value for name, value in values.items() if value is not None})

    def lr_factor(self, player: str, *, is_discriminator: bool) -> float:
        """The learning rate of a player, as a multiple of `lr`, at any time."""
        own = self.players.get(player, PlayerOptimizerConfig()).lr
        if own is not None:
            return own / self.lr
        return self.discriminator_lr_factor if is_discriminator else 1.0

    def has_momentum(self) -> bool:
        """Whether a mean of gradients makes the steps."""
        return self.algorithm in ("adam", "adamw") and self.beta1 > 0

    def for_players(self, names: tuple[str, ...]) -> "OptimizerConfig":
        """The same with an entry for each player of a method, so that each has flags.

        Raises:
            ConfigError: another player, which the method does not have, is given settings.
        """
        for name, own in self.players.items():
            there_are = f"the method's players are {', '.join(names)}." if names else "the method names no players."
            require(name in names or own == PlayerOptimizerConfig(), f"optimizer.players.{name}", own, there_are)
        return replace(self, players={name: self.players.get(name, PlayerOptimizerConfig()) for name in names})
