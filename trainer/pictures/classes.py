"""Classes as flat colours, in tensors."""

from collections.abc import Sequence

import torch
from torch import Tensor

from sharding.format.manifest import ClassInfo
from trainer.pictures.tensors import to_uint8

NO_CLASS = -1
"""Where a target shows no class: a translation is not judged there."""


def nearest_class(images: Tensor, colors: Tensor) -> Tensor:
    """Read classes back from a picture.

    Args:
        images: (N, 3, H, W) in [-1, 1].
        colors: (K, 3), 0..255.

    Returns:
        (N, H, W), the index of the colour nearest to each pixel in RGB; the first of equally near ones.
    """
    return _nearest(images, colors)[1]


def exact_class(images: Tensor, colors: Tensor) -> Tensor:
    """Read classes of a target that shows them as they were stored.

    Args:
        images: (N, 3, H, W) in [-1, 1].
        colors: (K, 3), 0..255.

    Returns:
        (N, H, W), the index of each pixel's colour, and `NO_CLASS` where it is none of them.
    """
    distances, indices = _nearest(images, colors)
    return indices.masked_fill(distances > 0, NO_CLASS)


def _nearest(images: Tensor, colors: Tensor) -> tuple[Tensor, Tensor]:
    """Of each pixel the distance to the nearest colour, and its index: both (N, H, W)."""
    pixels = to_uint8(images).movedim(1, -1).float()
    # By matrix products, cdist would round; squares of 8-bit differences are exact in float32.
    distances = torch.cdist(pixels.flatten(0, 2), colors.to(pixels), compute_mode="donot_use_mm_for_euclid_dist")
    least = distances.min(dim=1)
    return least.values.view(pixels.shape[:-1]), least.indices.view(pixels.shape[:-1])


def paint_classes(indices: Tensor, colors: Tensor) -> Tensor:
    """(..., H, W) class indices -> (..., 3, H, W) in [-1, 1]: the inverse of `nearest_class`."""
    return (colors.to(indices.device).float() / 127.5 - 1)[indices].movedim(-1, -3)


def class_colors(classes: Sequence[ClassInfo]) -> Tensor:
    """(K, 3), 0..255."""
    return torch.tensor([info.color for info in classes])
