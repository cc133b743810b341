"""Glyphs of the fonts that come with Matplotlib, each drawn on a common baseline in the middle of a square."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sharding.errors import DatasetError

SUFFIXES = (".ttf", ".otf")


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where glyphs stand: lengths as shares of the side of the square."""

    size: int
    """Pixels: side of the square."""
    em: float
    """Size of the font."""
    baseline: float
    """Distance of the baseline from the upper edge."""


@dataclass(frozen=True, kw_only=True)
class Face:
    """One font file, opened at the size of a frame."""

    path: Path
    frame: Frame
    code_points: frozenset[int]
    """That the file has a glyph for: others would be drawn as a box."""
    font: ImageFont.FreeTypeFont
    _lock: Lock = field(default_factory=Lock, repr=False)  # FreeType's faces are not for several threads at once

    def draw(self, character: str) -> np.ndarray | None:
        """The share of each pixel that ink covers, 0..255, (size, size) uint8.

        Ink is centred from left to right and keeps a pixel's distance from the edges. None if there is no ink, or
        if it does not fit.
        """
        size, baseline = self.frame.size, round(self.frame.baseline * self.frame.size)
        with self._lock:
            left, _, right, _ = self.font.getbbox(character, anchor="ls")
            image = Image.new("L", (round(right - left) + 4, 2 * size))
            corner = (2 - round(left), size // 2 + baseline)
            ImageDraw.Draw(image).text(corner, character, font=self.font, fill=255, anchor="ls")
        return _frame(np.asarray(image), size=size)


def _frame(ink: np.ndarray, *, size: int) -> np.ndarray | None:
    """The middle of drawn ink, which has half a square of room above and below; None if more than that has ink."""
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    top = size // 2
    if not rows.size or rows[0] < top + 1 or rows[-1] > top + size - 2:
        return None
    width = int(columns[-1] - columns[0]) + 1
    if width > size - 2:
        return None
    left = (size - width) // 2
    columns_of_ink = ink[top : top + size, columns[0] : columns[-1] + 1]
    return np.pad(columns_of_ink, ((0, 0), (left, size - width - left)))


def open_face(path: Path, frame: Frame) -> Face:
    """Raises `DatasetError` if the file is no font."""
    from matplotlib.ft2font import FT2Font

    try:
        # Pillow draws, but does not tell which characters a font has.
        code_points = frozenset(code for code, glyph in FT2Font(str(path)).get_charmap().items() if glyph)
        font = ImageFont.truetype(str(path), frame.em * frame.size, layout_engine=ImageFont.Layout.BASIC)
    except (OSError, RuntimeError) as error:
        raise DatasetError(f"{path} is no font that FreeType reads ({error}).") from error
    return Face(path=path, frame=frame, code_points=code_points, font=font)


def font_path(name: str) -> Path:
    """The file of a font of Matplotlib, e.g. `DejaVuSans`, or the path of a font file itself.

    Raises:
        DatasetError: there is none; the message lists those of Matplotlib.
    """
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    path = Path(name) if name.lower().endswith(SUFFIXES) else folder / f"{name}.ttf"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.ttf")))
        raise DatasetError(f"{path} is not there. Give a path that ends in .ttf or .otf, or one of {known}.")
    return path


def font_hashes(paths: list[Path]) -> dict[str, str]:
    """SHA-256 by file name: the same fonts in another place are the same input."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
