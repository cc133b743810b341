"""Which states of a run are kept on disk."""

from dataclasses import dataclass

from trainer.config.bounds import AtLeastOne, Period
from trainer.config.section import Section


@dataclass(frozen=True, kw_only=True)
class CheckpointConfig(Section):
    """Checkpoints, from which a run goes on and is evaluated."""

    period_kimg: Period = 2.0
    """Thousands of training images from one checkpoint to the next; 0 is never. One more is made at the end and at
    SIGTERM."""
    keep: AtLeastOne = 2
    """Checkpoints that are kept; older ones are removed."""
    keep_best: str | None = None
    """Also keep the checkpoint with the best of this score, e.g. eval/psnr, of those at each `evaluate.period_kimg`."""
