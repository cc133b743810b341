"""The contract of a metric, and the mean over images that most of them are."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor


class Score(Protocol):
    """Collects translated images beside their targets, then gives one or more numbers."""

    totals: Tensor
    """float64, all that was collected: totals of two disjoint sets of images add up to those of both."""

    def update(self, fake_b: Tensor, real_b: Tensor) -> None:
        """Take in (N, C, H, W) in [-1, 1] on one device, compared as the images that they become."""
        ...

    def compute(self) -> dict[str, float]:
        """The scores so far by name, e.g. `psnr`; a name whose value is undefined is left out."""
        ...


class ImageMean:
    """The mean over images of a number that each image has.

    Args:
        name: of the score.
        per_image: fake_b, real_b (N, C, H, W) in [-1, 1] -> (N,).
    """

    def __init__(self, name: str, per_image: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.name = name
        self.per_image = per_image
        self.totals = torch.zeros(2, dtype=torch.float64)  # sum, number of images

    def update(self, fake_b: Tensor, real_b: Tensor) -> None:
        values = self.per_image(fake_b, real_b).double()
        self.totals = self.totals.to(values.device) + torch.stack(
            [values.sum(), torch.full_like(values.sum(), len(values))]
        )

    def compute(self) -> dict[str, float]:
        total, count = self.totals.tolist()
        return {self.name: total / count} if count else {}
