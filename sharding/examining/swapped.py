"""Samples whose two views look as if they had changed places, told by what most samples show."""

import numpy as np

_FEATURES = ("mean", "spread", "colour", "detail")
_LEAST_SPREAD = 2.0
"""Of 255: so far a figure of a picture may lie from most before it counts as odd."""
_MOST = 25.0
"""Squared deviations: one odd figure alone decides nothing."""
_CLEAR = 8.0
"""Squared deviations: by so much each of both pictures must fit better in the other's place."""
LEAST_SAMPLES = 16
"""Fewer do not tell what is usual."""


def find_swapped(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Rows of samples whose views fit much better in each other's place.

    Each picture's brightness, contrast, colour and detail are held against the median and the median deviation of both
    views. Views that look alike, as summer and winter, never come out.

    Args:
        first: rows of `PICTURE` of one view.
        second: of the other, of the same samples.
    """
    rows = np.flatnonzero(first["is_seen"] & second["is_seen"])
    if len(rows) < LEAST_SAMPLES:
        return rows[:0]
    both = [np.stack([table[name][rows] for name in _FEATURES], axis=1) for table in (first, second)]
    middles = [np.median(each, axis=0) for each in both]
    widths = [
        np.maximum(1.4826 * np.median(np.abs(each - middle), axis=0), _LEAST_SPREAD)
        for each, middle in zip(both, middles, strict=True)
    ]

    def oddness(picture: int, *, among: int) -> np.ndarray:
        deviations = (both[picture] - middles[among]) / widths[among]
        return np.minimum(deviations**2, _MOST).sum(axis=1)

    gains = [oddness(view, among=view) - oddness(view, among=1 - view) for view in (0, 1)]
    return rows[np.minimum(*gains) > _CLEAR]
