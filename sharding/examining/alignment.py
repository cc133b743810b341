"""How far one view of a sample is shifted against another: phase correlation of their edges.

Kuglin and Hines, "The phase correlation image alignment method" (1975), of gradients' lengths, which views of different
colours share. One pair may show too few common edges to tell; the sum over all pairs tells a common shift reliably.
"""

from dataclasses import dataclass

import numpy as np

_FURTHEST = 8
"""Shifts of up to a side's eighth are looked for."""
_BLUR = 1.0
"""Pixels: the standard deviation of the Gaussian that evens out noise of single pixels in a correlation."""
LONGEST = 256
"""Pixels: larger pictures are reduced to this side before."""


@dataclass(frozen=True, kw_only=True)
class Shift:
    """Where two pictures fit best."""

    down: int
    """Pixels by which the second has to be moved up to lie on the first."""
    right: int
    """Pixels by which it has to be moved left."""
    sharpness: float
    """Height of the best place among all others, in their standard deviations. Of chance it is 3 to 7."""


def edges_of(values: np.ndarray) -> np.ndarray:
    """(H, W) float32 -> how steep each place is, fading out towards the borders; without its mean."""
    steep = np.sqrt(np.hypot(*np.gradient(values)))
    window = np.outer(np.hanning(steep.shape[0]), np.hanning(steep.shape[1]))
    return (steep - (steep * window).sum() / window.sum()) * window


def spectrum_of(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Phases of the correlation of two pictures' edges (H, W): those of several pairs add up."""
    both = np.conj(np.fft.rfft2(first)) * np.fft.rfft2(second)
    return (both / (np.abs(both) + 1e-9)).astype(np.complex64)


def shift_of(spectrum: np.ndarray, *, shape: tuple[int, int]) -> tuple[Shift, float]:
    """The best shift of a pair, or of all whose spectra were added up; and the sharpness of none, give or take a pixel.

    Args:
        shape: of the pictures.
    """
    down, right, heights = _heights(spectrum, shape)
    best = np.unravel_index(heights.argmax(), heights.shape)
    unmoved = heights[np.ix_(np.abs(down) <= 1, np.abs(right) <= 1)].max()
    return Shift(down=int(down[best[0]]), right=int(right[best[1]]), sharpness=float(heights[best])), float(unmoved)


def _heights(spectrum: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shifts down, shifts to the right, and how well each combination fits, in standard deviations."""
    frequencies = np.fft.fftfreq(shape[0])[:, None] ** 2 + np.fft.rfftfreq(shape[1]) ** 2
    surface = np.fft.irfft2(spectrum * np.exp(-2 * (np.pi * _BLUR) ** 2 * frequencies), shape)
    shifts = [np.fft.fftfreq(side, 1 / side).round().astype(int) for side in shape]
    down, right = (np.flatnonzero(np.abs(each) <= max(1, len(each) // _FURTHEST)) for each in shifts)
    heights = surface[np.ix_(down, right)]
    return shifts[0][down], shifts[1][right], (heights - heights.mean()) / (heights.std() + 1e-12)
