"""Reflection padding, of features in whatever format they come: it moves values and computes none."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def reflected(features: Tensor, margin: int) -> Tensor:
    """(N, C, H, W) with `margin` more pixels on each side, mirrored at the edge, in the format of the features.

    On a CPU autocast would pad in float32: cast there and back, for values that are only copied.
    """
    with torch.autocast(features.device.type, enabled=False):
        return F.pad(features, (margin,) * 4, mode="reflect")


class ReflectingConv(nn.Conv2d):
    """A convolution of an odd kernel that keeps the size: "reflection padding was used to reduce artifacts" (Zhu et al.
    2017, arXiv:1703.10593, section 7.2).
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int, *, bias: bool = True) -> None:
        super().__init__(channels_in, channels_out, kernel, bias=bias)
        self.margin = kernel // 2

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(reflected(input, self.margin))
