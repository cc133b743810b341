"""Where overlapping tiles lie along one side of a picture, and how much each counts there. Imports no torch."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.config.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Tiling:
    """How large tiles are, and by how much neighbours overlap, pixels."""

    side: int
    overlap: int

    def __post_init__(self) -> None:
        if self.side < 32:
            raise ConfigError("tile", self.side, "use 32 pixels or more, or leave it out to translate pictures whole.")
        if not 0 <= self.overlap <= self.side // 2:
            raise ConfigError("overlap", self.overlap, f"use 0 to {self.side // 2}, half of tile = {self.side}.")


def fitted(tiling: Tiling, *, stride: int) -> Tiling:
    """The tiling whose sides and steps are multiples of a network's stride: only then do tiles see what the whole does.

    Sides are rounded up, and so is the overlap; a U-Net of 8 halvings has a stride of 256, and halves them at least.
    """
    side = max(2 * stride, math.ceil(tiling.side / stride) * stride)
    step = max(stride, (side - tiling.overlap) // stride * stride)
    return Tiling(side=side, overlap=side - step)


def spans(length: int, tiling: Tiling, *, stride: int) -> list[tuple[int, int]]:
    """Begin and end of each tile along `length` pixels, in order; all begin at multiples of `stride`.

    The last is moved back until it is as large as the others, to less than a stride.
    """
    if length <= tiling.side:
        return [(0, length)]
    last = math.ceil((length - tiling.side) / stride) * stride
    begins = [*range(0, last, tiling.side - tiling.overlap), last]
    return [(begin, min(begin + tiling.side, length)) for begin in begins]


def weights(places: list[tuple[int, int]]) -> "list[np.ndarray]":
    """What each tile counts along its span, float32: ramps where neighbours overlap, and in all 1 at each pixel."""
    import numpy as np  # a mistake on the command line is answered before it is loaded

    length = places[-1][1]
    raw = []
    for number, (begin, end) in enumerate(places):
        ramp = np.ones(end - begin, np.float64)
        if number:
            ramp *= np.clip((np.arange(begin, end) - begin + 0.5) / max(1, places[number - 1][1] - begin), 0, 1)
        if number + 1 < len(places):
            ramp *= np.clip((end - np.arange(begin, end) - 0.5) / max(1, end - places[number + 1][0]), 0, 1)
        raw.append(ramp)
    total = np.zeros(length)
    for (begin, end), ramp in zip(places, raw, strict=True):
        total[begin:end] += ramp
    return [(ramp / total[b:e]).astype(np.float32) for (b, e), ramp in zip(places, raw, strict=True)]
