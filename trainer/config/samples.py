"""The pictures that a run draws while it trains."""

from dataclasses import dataclass

from trainer.config.errors import STRICT, require


@dataclass(frozen=True, kw_only=True)
class SamplesConfig:
    """Grids of translated images while a run trains, in samples/ and at W&B."""

    __pydantic_config__ = STRICT

    period_kimg: float = 1.0
    """Thousands of training images from one grid to the next; 0 is never. One more is made after the first step."""
    num_rows: int = 6
    """Rows of a grid, each of one image."""

    def __post_init__(self) -> None:
        require(self.period_kimg >= 0, "samples.period_kimg", self.period_kimg, "use 0 (never) or more.")
        require(1 <= self.num_rows <= 64, "samples.num_rows", self.num_rows, "use 1 to 64.")
