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
    pixels = to_uint8(images).movedim(1, -1).float()
    # By matrix products, cdist would round; squares of 8-bit differences are exact in float32.
    distances = torch.cdist(pixels.flatten(0, 2), colors.to(pixels), compute_mode="donot_use_mm_for_euclid_dist")
    return distances.min(dim=1).indices.view(pixels.shape[:-1])


def exact_class(images: Tensor, colors: Tensor) -> Tensor:
    """Read classes of a target that shows them as they were stored.

    Args:
        images: (N, 3, H, W) in [-1, 1].
        colors: (K, 3), 0..255.

    Returns:
        (N, H, W), the index of each pixel's colour, and `NO_CLASS` where it is none of them.
    """
    wanted, order = _packed(colors.to(images.device)).sort(stable=True)  # of two equal colours the first stands first
    pixels = _packed(to_uint8(images).movedim(1, -1).contiguous())
    places = torch.searchsorted(wanted, pixels).clamp_max(len(wanted) - 1)
    return order[places].masked_fill(wanted[places] != pixels, NO_CLASS)


def _packed(colors: Tensor) -> Tensor:
    """(..., 3) of 0..255 -> int64 (...), another number for each colour."""
    red, green, blue = colors.long().unbind(-1)
    return red * 2**16 + green * 2**8 + blue


def paint_classes(indices: Tensor, colors: Tensor) -> Tensor:
    """(..., H, W) class indices -> (..., 3, H, W) in [-1, 1]: the inverse of `nearest_class`."""
    return (colors.to(indices.device).float() / 127.5 - 1)[indices].movedim(-1, -3)


def class_colors(classes: Sequence[ClassInfo]) -> Tensor:
    """(K, 3), 0..255."""
    return torch.tensor([info.color for info in classes])
