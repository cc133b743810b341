"""Convolutions of many weights over few pixels, as matrix products: on a CPU their time goes into moving weights.

Deep in a U-Net a 4x4 convolution of stride 2 has millions of weights and a few pixels. oneDNN brings the weights into
an order of its own at each pass, forward and back, which takes several times as long as the arithmetic; a matrix
product takes them as they lie. Products and sums are those of the convolution, in another order: results differ by
rounding.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KERNEL, STRIDE, PADDING = 4, 2, 1
FEW_PIXELS = 64
"""Of the smaller of both maps, of all images of a batch: up to here products were faster in float32 and in bf16."""
MANY_WEIGHTS = 2**18
FEWEST_PIXELS = 16
"""Up to here products in float32 were faster than in bf16, as weights and their gradients need no cast."""


class FewPixelsConv(nn.Conv2d):
    """A convolution 4x4 of stride 2, as a product where it gives few pixels."""

    def forward(self, input: Tensor) -> Tensor:
        images, _, height, width = input.shape
        if height % STRIDE or width % STRIDE or images * height * width > FEW_PIXELS * STRIDE**2:
            return super().forward(input)
        # One column for each pixel of the result: the 4 x 4 x C values that it is made of, in the order of the weights.
        columns = F.unfold(input, KERNEL, padding=PADDING, stride=STRIDE)
        if _is_channels_last(self.weight):
            columns = columns.unflatten(1, (-1, KERNEL**2)).transpose(1, 2).flatten(1, 2)
        product = _product(_matrix(self.weight), columns.transpose(0, 1).flatten(1))
        made = product.view(-1, images, height // STRIDE, width // STRIDE).transpose(0, 1)
        return _finished(made, self)


class FewPixelsTransposedConv(nn.ConvTranspose2d):
    """A transposed convolution 4x4 of stride 2, as a product where it takes few pixels."""

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        images, channels, height, width = input.shape
        if output_size is not None or images * height * width > FEW_PIXELS:
            return super().forward(input, output_size)
        pixels = input.transpose(0, 1).reshape(channels, -1)
        product = _product(_matrix(self.weight).t(), pixels).view(-1, images, height * width).transpose(0, 1)
        if _is_channels_last(self.weight):
            product = product.unflatten(1, (KERNEL**2, -1)).transpose(1, 2).flatten(1, 2)
        size = (STRIDE * height, STRIDE * width)
        return _finished(F.fold(product, size, KERNEL, padding=PADDING, stride=STRIDE), self)


def use_products(networks: nn.Module) -> None:
    """Let convolutions that have many weights be products where they meet few pixels; others stay as they are."""
    kinds: dict[type[nn.Module], type[nn.Module]] = {
        nn.Conv2d: FewPixelsConv,
        nn.ConvTranspose2d: FewPixelsTransposedConv,
    }
    for layer in networks.modules():
        if type(layer) in kinds and _fits(layer):  # the type itself: a parametrisation makes a class of its own
            layer.__class__ = kinds[type(layer)]


def _fits(layer: nn.Module) -> bool:
    assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    geometry = (layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.output_padding)
    wanted = ((KERNEL, KERNEL), (STRIDE, STRIDE), (PADDING, PADDING), (1, 1), (0, 0))
    is_plain = layer.groups == 1 and layer.padding_mode == "zeros"
    return is_plain and geometry == wanted and layer.weight.numel() >= MANY_WEIGHTS


def _is_channels_last(weight: Tensor) -> bool:
    return not weight.is_contiguous() and weight.is_contiguous(memory_format=torch.channels_last)


def _matrix(weight: Tensor) -> Tensor:
    """(first channels, rest), as the weight lies in memory."""
    return (weight.permute(0, 2, 3, 1) if _is_channels_last(weight) else weight).flatten(1)


def _product(weights: Tensor, pixels: Tensor) -> Tensor:
    """Of (M, K) and (K, pixels), in the format of the weights where pixels are fewest, else in that of autocast."""
    if not torch.is_autocast_enabled("cpu") or pixels.shape[1] > FEWEST_PIXELS:
        return weights @ pixels
    with torch.autocast("cpu", enabled=False):
        return (weights @ pixels.to(weights.dtype)).to(torch.get_autocast_dtype("cpu"))


def _finished(made: Tensor, layer: nn.Conv2d | nn.ConvTranspose2d) -> Tensor:
    """With its bias, in the layout that a convolution with these weights gives."""
    if layer.bias is not None:
        made = made + layer.bias.to(made.dtype)[:, None, None]
    layout = torch.channels_last if _is_channels_last(layer.weight) else torch.contiguous_format
    return made.contiguous(memory_format=layout)
