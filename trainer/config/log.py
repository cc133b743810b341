"""Which figures of a run are written down, how often and where."""

from dataclasses import dataclass
from typing import Annotated, Literal

from trainer.config.bounds import AtLeast, NumberOrOff, Period
from trainer.config.errors import require
from trainer.config.section import Section


@dataclass(frozen=True, kw_only=True)
class LogConfig(Section):
    """Losses and speed while a run trains, in metrics.jsonl, and for W&B, TensorBoard and Prometheus."""

    period_kimg: Period = 0.1
    """Thousands of training images from one line of them to the next; 0 is never."""
    measures: bool = True
    """With each line, what the steps before it show of the game, of gradients, outputs, memory and time."""
    peak_tflops: NumberOrOff = 0.0
    """What a rank's device can do, in 1e12 operations a second, for `compute/utilisation`. 0: what is known of the GPU,
    or what a matrix product shows of the CPU."""
    trace_losses: bool = False
    """On a GPU, wait for each player's loss before its step: if one is no number, the module is named in which that
    began. On a CPU that costs nothing, and is always so."""
    wandb: Literal["auto", "online", "offline", "disabled"] = "auto"
    """`auto`: online when there is an API key and a network, else offline."""
    wandb_project: str | None = None
    """The W&B project that the run appears in. Unless given: what the variable WANDB_PROJECT says, else diptych."""
    wandb_group: str | None = None
    """Runs of one group are shown together; sweeps set it."""
    wandb_name: str | None = None
    """What the run is called at W&B. Unless given: as its folder; trials of sweeps say what they change."""

    wandb_checkpoints: bool = False
    """Send the averaged weights of the last checkpoint to W&B; otherwise it is told their checksum alone."""
    tensorboard: bool = False
    """Write event files into the run's tensorboard/, with all that metrics.jsonl has, and the samples."""
    prometheus_port: Annotated[int, AtLeast(0, "use 1 to 65535, or 0 (off).", most=65535)] = 0
    """Where the main rank serves `/metrics` for Prometheus while it trains, e.g. 9400; 0 is nowhere."""
    prometheus_host: str = "127.0.0.1"
    """The address of that port: of this machine alone, unless another, or 0.0.0.0, is given."""

    def check_fields(self) -> None:
        """Raise ConfigError for a project that W&B refuses."""
        if self.wandb_project is not None:
            require_project(self.wandb_project, "wandb_project")


def require_project(name: str, field: str) -> None:
    """Raise ConfigError for a name of a project that W&B refuses."""
    is_fit = 0 < len(name) <= 128 and not set(name) & set("/\\#?%:")
    require(is_fit, field, name, "W&B allows 1 to 128 characters, and none of / \\ # ? % :")
