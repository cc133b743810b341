"""Pixels of any view as 8-bit RGB, scaled as training scales them: what pictures are compared in."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from sharding.format.manifest import ClassInfo, View
from sharding.rendering.classes import NO_CLASS

_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
"""Of RGB, as in ITU-R BT.601."""


def as_common(pixels: np.ndarray, *, view: View, classes: Sequence[ClassInfo]) -> np.ndarray:
    """Decoded pixels (H, W, C) as (H, W, 3) uint8: one channel as grey, of two the first, of more the first three.

    The ends of the view's value range become 0 and 255; class numbers their colours, those of no class black.
    """
    if view.content == "classes":
        palette = np.zeros((NO_CLASS + 1, 3), np.uint8)
        palette[: len(classes)] = [info.color for info in classes]
        return palette[pixels[:, :, 0]]
    pixels = pixels[:, :, :3] if pixels.shape[2] >= 3 else pixels[:, :, :1].repeat(3, axis=2)
    if pixels.dtype == np.uint8 and view.value_range == (0.0, 255.0):
        return pixels
    low, high = view.value_range
    scaled = (pixels.astype(np.float32) - low) * (255 / (high - low))
    return scaled.clip(0, 255).round().astype(np.uint8)


def luminance(common: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 -> (H, W) float32 in [0, 255]."""
    return common.astype(np.float32) @ _LUMINANCE


def colour(common: np.ndarray) -> float:
    """Mean distance of the channels of a pixel of (H, W, 3) uint8: 0 of grey, up to 255."""
    red, green, blue = (common[:, :, channel] for channel in range(3))  # np.ptp over 3 values takes ten times as long
    most, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    return float((most - least).mean())


def reduced(values: np.ndarray, side: tuple[int, int]) -> np.ndarray:
    """(H, W) float32 -> (height, width) of `side`, each the mean of the area that it covers."""
    height, width = side
    return np.asarray(Image.fromarray(values).resize((width, height), Image.Resampling.BOX))
