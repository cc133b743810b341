"""The pictures that a run draws while it trains."""

from dataclasses import dataclass
from typing import Annotated

from trainer.config.bounds import AtLeast, Period
from trainer.config.section import Section


@dataclass(frozen=True, kw_only=True)
class SamplesConfig(Section):
    """Grids of translated images while a run trains, in samples/ and at W&B."""

    period_kimg: Period = 1.0
    """Thousands of training images from one grid to the next; 0 is never. One more is made after the first step."""
    num_rows: Annotated[int, AtLeast(1, "use 1 to 64.", most=64)] = 6
    """Rows of a grid, each of one image."""
