"""Where crops lie: sizes and corners in DALI's graph, by one arithmetic for views of known and of unknown size.

All of it is computed on the CPU, on a few numbers for each image; pixels may be on a GPU.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from nvidia.dali import fn
from nvidia.dali import math as dali_math
from nvidia.dali.types import DALIDataType

from trainer.config.data import Resize
from trainer.data.resize import Node

Shape = tuple[int, int]
"""Height, width in pixels."""

QUARTER_TURNS = ((1, 0, 0, 0, 1, 0), (0, -1, 1, 1, 0, 0), (-1, 0, 1, 0, -1, 1), (0, 1, 0, -1, 0, 1))
"""Of 0 to 3 quarter turns against the clock: where a pixel (x, y) of the result comes from, in units of the side."""


def known_size(native: Shape, *, resize: Resize, load_size: Shape) -> Shape:
    """The size of an image once it is resized."""
    if resize == "stretch":
        return load_size
    return native if resize == "none" else _covering(*native, load_size=load_size, larger=max)


def size_in_graph(native: Node, *, resize: Resize, load_size: Shape) -> Node:
    """The same of an image whose shape is only known when it is read.

    Args:
        native: int64 [3], height, width, channels, on the CPU.
    """
    if resize == "none":
        return fn.slice(native, start=0, shape=2, axes=[0])
    return fn.stack(*_covering(native[0], native[1], load_size=load_size, larger=dali_math.max))


def _covering(height: Any, width: Any, *, load_size: Shape, larger: Callable[..., Any]) -> tuple[Any, Any]:
    """The smallest size of the same proportions that covers `load_size`, rounded.

    In whole numbers, so that one image in two resolutions becomes the same size.
    """
    least_height, least_width = load_size
    return (
        larger(least_height, (2 * least_width * height + width) // (2 * width)),
        larger(least_width, (2 * least_height * width + height) // (2 * height)),
    )


def corner(place: Node, *, size: Node | Shape, crop_size: Shape) -> Node:
    """Row and column of a crop's upper left pixel, int32 [2]; negative or too far where the image is too small.

    Args:
        place: float64 [2] in [0, 1).
        size: of the image.
    """
    numbers = np.array(size) if isinstance(size, tuple) else size
    return fn.cast(dali_math.floor(place * (numbers - np.array(crop_size) + 1)), dtype=DALIDataType.INT32)


def turning_matrices(turns: NDArray[np.int32], *, side: int) -> NDArray[np.float32]:
    """[N] quarter turns -> [N, 2, 3]: from a pixel of the result to that of the image, as DALI's warping wants it."""
    table = np.array(QUARTER_TURNS, np.float32).reshape(4, 2, 3)
    return table[turns] * np.array([1, 1, side], np.float32)


def require_equal_sizes(*sizes: Node) -> list[Node]:
    """The sizes of the views of a sample, unless they differ: then the batch fails."""
    checked: Any = fn.python_function(*sizes, function=_require_equal, num_outputs=len(sizes), batch_processing=False)
    return list(checked)


def _require_equal(*sizes: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    if any(not np.array_equal(size, sizes[0]) for size in sizes):
        seen = " and ".join("x".join(map(str, size[::-1])) for size in sizes)
        raise ValueError(f"its views are {seen} pixels once they are resized, so that they would not be aligned")
    return sizes
