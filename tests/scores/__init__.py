"""Scores that the product lacks, each a file and a row as one would add them: less is better of both. And an encoder
that costs nothing.
"""

import torch
from torch import Tensor

from trainer.evaluation.encoders.encoder import Encoder
from trainer.evaluation.score import Score

ABSOLUTE_ERROR = Score(
    name="absolute_error",
    title="absolute error",
    better="lower",
    unit="levels",
    digits=1,
    needs=frozenset({"pairs"}),
    metric="tests.scores.absolute_error",
    is_headline=True,
)
COLOR_DISTANCE = Score(
    name="color_distance",
    title="distance of mean colours",
    better="lower",
    needs=frozenset({"sets"}),
    metric="tests.scores.color_distance",
)


class Corners:
    """A network whose features are the pixels of the image, made small."""

    side = 4

    def encode(self, levels: Tensor) -> tuple[list[Tensor], Tensor]:
        return [levels, levels[:, :, ::2, ::2]], levels.flatten(1) / 255


def cheap_encoder() -> Encoder:
    """It goes by the name of another, whose rows the catalogue has."""
    return Encoder("efficientnet-lite0", Corners, device=torch.device("cpu"))
