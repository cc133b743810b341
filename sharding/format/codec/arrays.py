"""Decoded pixels: their shape, and how they are turned upright."""

from collections.abc import Sequence

import numpy as np

from sharding.errors import DatasetError


def check_shape(shape: Sequence[int], *, name: str) -> tuple[int, int, int]:
    """Height, width, channels of an array (H, W) or (H, W, C). Raises DatasetError for another shape."""
    if len(shape) not in (2, 3) or 0 in shape:
        raise DatasetError(f"{name}: has the shape {tuple(shape)}; save it as (height, width, channels)")
    return shape[0], shape[1], shape[2] if len(shape) == 3 else 1


def turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """(H, W, C) as EXIF's orientation 1 to 8 says that it is to be looked at."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def finish(pixels: np.ndarray, *, orientation: int, name: str) -> np.ndarray:
    """Contiguous (H, W, C) in the machine's byte order, turned upright.

    Raises:
        DatasetError: some value is no finite number.
    """
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise DatasetError(f"{name}: holds NaN or infinite values; replace them by numbers, e.g. the smallest")
    return np.ascontiguousarray(turn(pixels, orientation), dtype=pixels.dtype.newbyteorder("="))
