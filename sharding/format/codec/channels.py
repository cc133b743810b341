"""The channels of a picture as a view has them: one way for whoever writes data sets and for whoever uses a run."""

from typing import Literal

import numpy as np

from sharding.errors import DatasetError

Alpha = Literal["refuse", "drop", "keep"]

_OPAQUE = {"uint8": 255, "uint16": 65535}


def opaque_value(dtype: np.dtype) -> float:
    """The alpha of a pixel that nothing shines through."""
    return _OPAQUE.get(dtype.name, 1.0)


def fit_channels(pixels: np.ndarray, *, has_alpha: bool, alpha: Alpha, wanted: int, name: str) -> np.ndarray:
    """Pixels (H, W, C) in a view's channels: grey is repeated as colour, and alpha treated as the view says.

    Args:
        has_alpha: the last of the pixels' channels is alpha.
        alpha: `refuse` takes opaque pixels only, and leaves alpha out; `drop` leaves it out; `keep` makes it the last
            channel, opaque where the picture has none.
        wanted: channels of the view, alpha among them.
        name: of the file, for messages.

    Raises:
        DatasetError: a pixel is transparent where none may be.
    """
    colors = pixels.shape[2] - has_alpha
    opaque = opaque_value(pixels.dtype)
    transparency = pixels[:, :, colors:]  # of no channel where the file has none
    if alpha == "refuse" and (transparency < opaque).any():
        raise DatasetError(f"{name}: has transparent pixels; give --alpha drop or keep, or flatten it")
    pixels = pixels[:, :, :colors]
    if colors == 1 and wanted - (alpha == "keep") == 3:
        pixels = pixels.repeat(3, axis=2)
    if alpha != "keep":
        return pixels
    if not has_alpha:
        transparency = np.full((*pixels.shape[:2], 1), opaque, pixels.dtype)
    return np.concatenate([pixels, transparency], axis=2)
