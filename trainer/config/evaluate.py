"""How often a run is scored on its way."""

from dataclasses import dataclass

from trainer.config.bounds import Period
from trainer.config.section import Section


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(Section):
    """Scores while a run trains, with curves in the report."""

    period_kimg: Period = 0.0
    """Thousands of training images from one score on the validation split to the next; 0 is never. The test split is
    scored once at the end."""
