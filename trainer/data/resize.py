"""Resizing in DALI's graph: cubic with antialiasing, or nearest; the image's borders stay in place."""

from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from nvidia.dali import fn
from nvidia.dali.types import DALIDataType, DALIInterpType

Node = Any
"""A value in DALI's graph. Its stubs say that operators may return lists or None, which these do not."""


def resize(image: Node, *, size: tuple[int, int] | Node, on_gpu: bool, nearest: bool = False) -> Node:
    """uint8 or float32 HWC of any size and number of channels -> [*size, C].

    DALI's kernel for the CPU is not vectorised and torch's for uint8 is (2.3 against 0.35 ms for an image of
    256 px), so the CPU takes torch's, in DALI's own thread. On photographs the two agree to two grey levels.

    Args:
        size: height and width, or a node of them on the CPU (whole numbers) where each image has its own.
        nearest: of classes, whose colours must not be mixed; the pixel at the same place.
    """
    is_known = isinstance(size, tuple)
    if on_gpu:
        kind = DALIInterpType.INTERP_NN if nearest else DALIInterpType.INTERP_CUBIC
        target = size if is_known else fn.cast(size, dtype=DALIDataType.FLOAT)
        return fn.resize(image, size=target, interp_type=kind, antialias=not nearest)
    inputs = (image,) if is_known else (image, size)
    function = partial(resize_on_cpu, size=size if is_known else None, nearest=nearest)
    resized: Node = fn.python_function(*inputs, function=function, num_outputs=1, batch_processing=True)
    return fn.reshape(resized, layout="HWC")


def resize_on_cpu(
    images: list[NDArray[Any]],
    sizes: list[NDArray[np.int64]] | None = None,
    *,
    size: tuple[int, int] | None = None,
    nearest: bool = False,
) -> list[NDArray[Any]]:
    """Each [H, W, C] of uint8 or float32 -> [*size, C]; either all to `size`, or each to its own of `sizes`."""
    targets = [size] * len(images) if sizes is None else [(int(own[0]), int(own[1])) for own in sizes]
    # The new axis first: after permute(), [None] gives strides that torch takes for NCHW, and it transposes twice.
    channels_last = (torch.from_numpy(image)[None].permute(0, 3, 1, 2) for image in images)
    options: dict[str, Any] = {"mode": "nearest-exact"} if nearest else {"mode": "bicubic", "antialias": True}
    resized = (F.interpolate(image, own, **options) for image, own in zip(channels_last, targets, strict=True))
    return [image[0].permute(1, 2, 0).contiguous().numpy() for image in resized]
