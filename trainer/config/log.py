"""Which figures of a run are written down, how often and where."""

from dataclasses import dataclass
from typing import Literal

from trainer.config.errors import STRICT, require


@dataclass(frozen=True, kw_only=True)
class LogConfig:
    """Losses and speed while a run trains, in metrics.jsonl and at W&B."""

    __pydantic_config__ = STRICT

    period_kimg: float = 0.1
    """Thousands of training images from one line of them to the next; 0 is never."""
    wandb: Literal["auto", "online", "offline", "disabled"] = "auto"
    """`auto`: online when there is an API key and a network, else offline."""
    wandb_project: str = "diptych"
    """The W&B project that the run appears in."""
    wandb_group: str | None = None
    """Runs of one group are shown together; sweeps set it."""

    def __post_init__(self) -> None:
        require(self.period_kimg >= 0, "log.period_kimg", self.period_kimg, "use 0 (never) or more.")
        require(
            0 < len(self.wandb_project) <= 128 and not set(self.wandb_project) & set("/\\#?%:"),
            "log.wandb_project",
            self.wandb_project,
            "W&B allows 1 to 128 characters, and none of / \\ # ? % :",
        )
