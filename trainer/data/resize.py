"""Resizing in DALI's graph: cubic with antialiasing, or nearest; the image's borders stay in place."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import repeat
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from nvidia.dali import fn
from nvidia.dali.types import DALIDataType, DALIInterpType

Node = Any
"""A value in DALI's graph. Its stubs say that operators may return lists or None, which these do not."""


def resize(image: Node, *, size: tuple[int, int], on_gpu: bool) -> Node:
    """uint8 or float32 HWC of any size and number of channels -> [*size, C].

    DALI's kernel for the CPU is not vectorised and torch's for uint8 is (2.3 against 0.35 ms for an image of
    256 px), so the CPU takes torch's, in DALI's own thread. On photographs the two agree to two grey levels.
    """
    if on_gpu:
        return _resize_on_gpu(image, size=size, nearest=False)
    return _in_python(partial(resize_on_cpu, size=size), image)


def resize_and_crop(
    image: Node,
    corner: Node,
    *,
    size: tuple[int, int] | Node,
    crop_size: tuple[int, int],
    num_threads: int,
    on_gpu: bool,
    nearest: bool = False,
) -> Node:
    """The part of `crop_size` at `corner` ([2], row and column) of the image of `size`.

    One step on the CPU: `slice` alone took as long as half of the resizing. Its `num_threads` work beside DALI's.

    Args:
        size: height and width, or a node of them on the CPU (whole numbers) where each image has its own.
        nearest: of classes, whose colours must not be mixed: the pixel at the same place.
    """
    if on_gpu:
        resized = _resize_on_gpu(image, size=size, nearest=nearest)
        return fn.slice(resized, start=corner, shape=crop_size, axes=(0, 1))
    pool = ThreadPoolExecutor(num_threads, thread_name_prefix="resize")  # torch releases the interpreter lock
    own_size = () if isinstance(size, tuple) else (size,)

    def function(
        images: list[NDArray[Any]], corners: list[NDArray[np.int32]], sizes: list[NDArray[np.int64]] | None = None
    ) -> list[NDArray[Any]]:
        wanted = repeat(size) if sizes is None else sizes
        return list(pool.map(partial(_resize_one, crop_size=crop_size, nearest=nearest), images, corners, wanted))

    return _in_python(function, image, corner, *own_size)


def _resize_on_gpu(image: Node, *, size: tuple[int, int] | Node, nearest: bool) -> Node:
    kind = DALIInterpType.INTERP_NN if nearest else DALIInterpType.INTERP_CUBIC
    target = size if isinstance(size, tuple) else fn.cast(size, dtype=DALIDataType.FLOAT)
    return fn.resize(image, size=target, interp_type=kind, antialias=not nearest)


def _in_python(function: Any, *inputs: Node) -> Node:
    images: Node = fn.python_function(*inputs, function=function, num_outputs=1, batch_processing=True)
    return fn.reshape(images, layout="HWC")


def resize_on_cpu(images: list[NDArray[Any]], *, size: tuple[int, int]) -> list[NDArray[Any]]:
    """Each [H, W, C] of uint8 or float32 -> [*size, C]."""
    return [_resize_one(image, (0, 0), size, crop_size=size, nearest=False) for image in images]


def _resize_one(
    image: NDArray[Any], corner: Any, size: Any, *, crop_size: tuple[int, int], nearest: bool
) -> NDArray[Any]:
    # The new axis first: after permute(), [None] gives strides that torch takes for NCHW, and it transposes twice.
    channels_last = torch.from_numpy(image)[None].permute(0, 3, 1, 2)
    options: dict[str, Any] = {"mode": "nearest-exact"} if nearest else {"mode": "bicubic", "antialias": True}
    resized = F.interpolate(channels_last, [int(side) for side in size], **options)[0].permute(1, 2, 0)
    (row, column), (height, width) = (int(place) for place in corner), crop_size
    if min(row, column) < 0 or row + height > resized.shape[0] or column + width > resized.shape[1]:
        raise ValueError(f"its {resized.shape[1]}x{resized.shape[0]} pixels are less than the crop of {width}x{height}")
    return resized[row : row + height, column : column + width].contiguous().numpy()
