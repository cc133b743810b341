"""Instance norm that keeps the layout of its features: torch's copies them on a CPU, and a gradient of its is wrong.

torch (2.14, Normalization.cpp) takes instance norm for batch norm of one image with N x C channels. Three things
follow. channels_last features are copied to contiguous memory, and the convolution after it copies them back. The
result is a view, so that an activation in place copies it and its gradient once more. And of a batch of one image, a
gradient in channels_last comes with strides by which batch norm takes it for contiguous: it reads the values of other
pixels and channels, and gradients below are wrong, without a word. In CycleGAN's ResNet, the second norm of each block
met such gradients.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LayoutKeepingInstanceNorm(nn.InstanceNorm2d):
    """Instance norm (Ulyanov et al. 2016, arXiv:1607.08022), of features in either layout, to features in the same.

    Of contiguous features it gives what torch's gives, to the last bit.
    """

    def forward(self, input: Tensor) -> Tensor:
        return norm_each_image(input, self.weight, self.bias, eps=self.eps)


def norm_each_image(features: Tensor, weight: Tensor, bias: Tensor, *, eps: float) -> Tensor:
    """(N, C, H, W) by each image's own means and variances over H and W, in the layout that they have.

    Raises ValueError for a single pixel, which has no variance.
    """
    images, pixels = features.shape[0], features.shape[2:].numel()
    if pixels > 1 and not features.is_contiguous() and features.is_contiguous(memory_format=torch.channels_last):
        return _OfEachImage.apply(features, weight, bias, eps)
    if pixels > 1 and images == 1:
        return F.batch_norm(features, None, None, weight, bias, training=True, eps=eps)
    return F.instance_norm(features, weight=weight, bias=bias, eps=eps)


class _OfEachImage(torch.autograd.Function):
    """Batch norm of the pixels of one image after another, in channels_last: (N, C, H, W) as N times (H W, C).

    A matrix has one layout only, so nothing can be mistaken for the other. Written out, as a graph would end in a view.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        made = torch.empty_like(features)
        exact = torch.promote_types(features.dtype, torch.float32)
        means, deviations = features.new_empty(2, *features.shape[:2], dtype=exact)
        for one, *out in zip(_pixels(features), _pixels(made), means, deviations, strict=True):
            torch.native_batch_norm(one, weight, bias, None, None, True, 0.0, eps, out=out)
        ctx.save_for_backward(features, weight, means, deviations)
        ctx.eps = eps
        return made

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        """Itself made of operations that have a gradient, for penalties of gradients."""
        features, weight, means, deviations = ctx.saved_tensors
        images = zip(_pixels(gradients[0]), _pixels(features), means, deviations, strict=True)
        wanted = ctx.needs_input_grad[:3]
        found = [
            torch.ops.aten.native_batch_norm_backward(
                gradient, one, weight, None, None, mean, deviation, True, ctx.eps, wanted
            )
            for gradient, one, mean, deviation in images
        ]
        of_features, *of_weights = (
            _stacked(parts) if is_wanted else None
            for is_wanted, parts in zip(wanted, zip(*found, strict=True), strict=True)
        )
        return (
            None if of_features is None else _features(of_features, features.shape),
            *(None if one is None else one.sum(0) for one in of_weights),
            None,
        )


def keep_layout(networks: nn.Module) -> None:
    """Let instance norms of networks on a CPU keep the layout of what they are given."""
    for layer in networks.modules():
        if type(layer) is nn.InstanceNorm2d and layer.affine and not layer.track_running_stats:
            layer.__class__ = LayoutKeepingInstanceNorm


def _pixels(features: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, H W, C), contiguous: of channels_last features nothing is copied."""
    return features.permute(0, 2, 3, 1).flatten(1, 2).contiguous()


def _features(pixels: Tensor, shape: torch.Size) -> Tensor:
    """Backwards."""
    images, channels, height, width = shape
    return pixels.view(images, height, width, channels).permute(0, 3, 1, 2)


def _stacked(parts: tuple[Tensor, ...]) -> Tensor:
    first, *others = parts
    return torch.stack(parts) if others else first[None]  # one alone need not be copied
