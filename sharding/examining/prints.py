"""Perceptual hashes: 64 bits of a picture that recompression, another size or another brightness hardly change.

The low frequencies of a discrete cosine transform, each above their median or not, as in Zauner, "Implementation and
Benchmarking of Perceptual Image Hash Functions" (2010), 3.1.
"""

import numpy as np

from sharding.examining.common import reduced

_SIDE, _LOW = 32, 8
_PLACES = np.arange(_SIDE) + 0.5
_COSINES = np.cos(np.pi / _SIDE * np.outer(np.arange(1, _LOW + 1), _PLACES)).astype(np.float32)
"""Frequencies 1 to 8: that of 0 tells how bright a row is, which is not to count."""
_BITS = np.uint64(1) << np.arange(64, dtype=np.uint64)
_MIRROR = np.where(np.arange(1, _LOW + 1) % 2, -1, 1).astype(np.float32)
"""Mirrored left to right, cosines of odd frequencies change their sign."""


def print_of(values: np.ndarray) -> tuple[int, int]:
    """The hashes of a picture (H, W) float32, and of its mirror image: 64 bits each."""
    small = reduced(values, (_SIDE, _SIDE))
    waves = _COSINES @ small @ _COSINES.T
    return _bits(waves), _bits(waves * _MIRROR)


def _bits(waves: np.ndarray) -> int:
    return int(_BITS[(waves > np.median(waves)).ravel()].sum())
