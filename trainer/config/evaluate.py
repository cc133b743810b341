"""How often a run is scored on its way."""

from dataclasses import dataclass

from trainer.config.errors import STRICT, require


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """Scores while a run trains, with curves in the report."""

    __pydantic_config__ = STRICT

    period_kimg: float = 0.0
    """Thousands of training images from one score on the validation split to the next; 0 is never. The test split is
    scored once at the end."""

    def __post_init__(self) -> None:
        require(self.period_kimg >= 0, "evaluate.period_kimg", self.period_kimg, "use 0 (never) or more.")
