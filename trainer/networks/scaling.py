"""Halving and doubling feature maps, by strides or free of their traces.

A transposed convolution gives neighbouring pixels different shares of its kernel, which shows as a grid of dots (Odena
et al. 2016, "Deconvolution and checkerboard artifacts"); a strided one drops details that come back as false ones
(Zhang 2019, arXiv:1904.11486). CUT's authors (Park et al. 2020, arXiv:2007.15651) smooth before they drop pixels, with
[1, 2, 1], and double with [1, 3, 3, 1], which is bilinear.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config.networks import Downsampling, Upsampling


class BlurPool(nn.Module):
    """Smooths with [1, 2, 1] / 4 in both directions, edges reflected, and keeps every second pixel.

    Shape: (N, C, H, W) -> (N, C, H / 2, W / 2), for even sides.
    """

    def forward(self, features: Tensor) -> Tensor:
        pairs = F.avg_pool2d(F.pad(features, (1, 1, 1, 1), mode="reflect"), 2, stride=1)
        return F.avg_pool2d(pairs, 2)  # a mean of two means of two is [1, 2, 1]


def halving(channels_in: int, channels_out: int, kernel: int, *, how: Downsampling, bias: bool) -> nn.Module:
    """A convolution that halves both sides; blurred, of an odd kernel, one less where it is even."""
    if how == "strided":
        return nn.Conv2d(channels_in, channels_out, kernel, stride=2, padding=(kernel - 1) // 2, bias=bias)
    return nn.Sequential(_keeping(channels_in, channels_out, kernel, bias=bias), BlurPool())


def doubling(channels_in: int, channels_out: int, kernel: int, *, how: Upsampling, bias: bool) -> nn.Module:
    """A convolution that doubles both sides; where pixels are made before it, of an odd kernel, one less where even."""
    if how == "transposed":
        padding, rest = (kernel - 1) // 2, kernel % 2
        return nn.ConvTranspose2d(
            channels_in, channels_out, kernel, stride=2, padding=padding, output_padding=rest, bias=bias
        )
    enlarge = nn.Upsample(scale_factor=2, mode=how, align_corners=False if how == "bilinear" else None)
    return nn.Sequential(enlarge, _keeping(channels_in, channels_out, kernel, bias=bias))


def _keeping(channels_in: int, channels_out: int, kernel: int, *, bias: bool) -> nn.Conv2d:
    odd = kernel - (kernel + 1) % 2
    return nn.Conv2d(channels_in, channels_out, odd, padding=odd // 2, bias=bias)
