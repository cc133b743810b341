"""What is kept of each picture and of each pair of views, in files of a temporary folder: memory does not grow."""

from pathlib import Path

import numpy as np

THUMB = 16
PICTURE = np.dtype(
    [
        ("is_seen", "?"),  # it could be read
        ("digest", "<u8"),  # of its pixels
        ("print", "<u8"),  # as `prints.print_of`
        ("mirrored", "<u8"),
        ("thumb", "u1", (THUMB, THUMB)),  # luminance
        ("height", "<i4"),
        ("width", "<i4"),
        ("low", "<f4"),  # as stored
        ("high", "<f4"),
        ("mean", "<f4"),  # of luminance, 0 to 255 in the view's value range
        ("spread", "<f4"),  # its standard deviation
        ("dark", "<f4"),  # share of values at the low end of the range
        ("bright", "<f4"),
        ("colour", "<f4"),  # mean distance of the channels of a pixel
        ("detail", "<f4"),  # mean difference of neighbouring pixels
    ]
)
PAIR = np.dtype(
    [
        ("is_seen", "?"),
        ("down", "<i4"),
        ("right", "<i4"),
        ("sharpness", "<f4"),
        ("sharpness_unmoved", "<f4"),  # at no shift
        ("scale", "<f4"),  # stored pixels for one of the shift
        ("red_blue", "<f4"),  # correlation of red less blue of both views; NaN where one has too little colour
    ]
)


def make_table(folder: Path, name: str, *, kind: np.dtype, number: int) -> np.ndarray:
    """Rows of zeros in a new file of the folder, which the system keeps in memory as far as there is room."""
    if not number:
        return np.zeros(0, kind)
    return np.memmap(folder / name, dtype=kind, mode="w+", shape=(number,))
