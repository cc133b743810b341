"""Which states of a run are kept on disk."""

from dataclasses import dataclass

from trainer.config.errors import STRICT, require


@dataclass(frozen=True, kw_only=True)
class CheckpointConfig:
    """Checkpoints, from which a run goes on and is evaluated."""

    __pydantic_config__ = STRICT

    period_kimg: float = 2.0
    """Thousands of training images from one checkpoint to the next; 0 is never. One more is made at the end and at
    SIGTERM."""
    keep: int = 2
    """Checkpoints that are kept; older ones are removed."""
    keep_best: str | None = None
    """Also keep the checkpoint with the best of this score, e.g. eval/psnr, of those at each `evaluate.period_kimg`."""

    def __post_init__(self) -> None:
        require(self.period_kimg >= 0, "checkpoint.period_kimg", self.period_kimg, "use 0 (never) or more.")
        require(self.keep >= 1, "checkpoint.keep", self.keep, "use 1 or more.")
