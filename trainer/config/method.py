"""What all sections of methods have in common."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Task:
    """What networks are sized by."""

    channels_a: int
    channels_b: int
    side: int
    """Pixels: of the square crops that are trained on; of rectangles, which convolutions alone take, the shorter."""
    num_labels: int = 0
    """Values that a label can have; 0 where the run uses none."""
