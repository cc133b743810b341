"""A character in a font as the distance from its outline, which makes it bolder or thinner, and moves and slants it."""

from dataclasses import dataclass

import cv2
import numpy as np

from sharding.sources.fonts import Face, Frame

STEMS = (0.055, 0.08, 0.11, 0.145, 0.18)
"""Width of the capital I, in em, at each weight; regular text has about 0.1, bold text 0.15 to 0.19."""
FRAME = Frame(size=256, em=0.8, baseline=0.74)
"""Glyphs are drawn this large before anything is done to them; lengths below are its pixels."""

MARGIN = 16
"""Kept around the ink, for the heaviest weight."""
EDGE = 8
"""Kept free around each sample: one pixel at 32."""
MIN_AREA = 3
"""Parts and holes of fewer pixels, at half of this size, are no features of a character."""
MAX_SHEAR, MAX_SHIFT, SCALES = 0.1, 0.04, (0.92, 1.02)
"""Of the variations. A shear of 0.1 is far from italic (0.2), and the scale far from turning an O into an o (0.75)."""


@dataclass(frozen=True, kw_only=True)
class StyleFace:
    """One font of Matplotlib, and what its glyphs are labelled with."""

    font: str
    family: str
    style: str
    is_slanted: bool


@dataclass(frozen=True, kw_only=True)
class Glyph:
    """A character in a font, as the distance of each pixel from its outline."""

    face: StyleFace
    character: str
    distance: np.ndarray
    """Pixels of `FRAME`, positive within the ink; float16, (height, width), cut to the ink and `MARGIN`."""
    corner: tuple[int, int]
    """Column and row of the upper left pixel of `distance` in `FRAME`."""
    offsets: dict[int, float]
    """By weight that the glyph can have: how far its outline moves outwards."""


@dataclass(frozen=True, kw_only=True)
class Variation:
    """One sample of a glyph."""

    number: int
    """Of the glyph among all."""
    offset: float
    seed: int


def read_glyph(face: StyleFace, opened: Face, *, stem: float, character: str) -> Glyph | None:
    """Draw a character and measure it; None if the font has no ink for it."""
    ink = opened.draw(character)
    if ink is None:
        return None
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    corner = (int(columns[0]) - MARGIN, int(rows[0]) - MARGIN)
    shape = (len(range(rows[0], rows[-1] + 1)) + 2 * MARGIN, len(range(columns[0], columns[-1] + 1)) + 2 * MARGIN)
    padded = np.pad(ink, MARGIN)[rows[0] : rows[0] + shape[0], columns[0] : columns[0] + shape[1]]
    distance = signed_distance(padded > 127)
    em = FRAME.em * FRAME.size
    offsets = {weight: (width - stem) / 2 * em for weight, width in enumerate(STEMS) if 2 * width >= stem}
    coarse = distance[::2, ::2]  # four times as fast, and a stroke that it misses is too thin anyway
    num_parts = count_parts(coarse > 0)
    kept = {w: offset for w, offset in offsets.items() if keeps_identity(coarse, offset, num_parts=num_parts)}
    return Glyph(face=face, character=character, distance=distance.astype(np.float16), corner=corner, offsets=kept)


def measure_stem(face: Face) -> float:
    """Width of the stem of the capital I, in em: twice the largest distance from the outline, away from serifs."""
    ink = face.draw("I")
    assert ink is not None, face.path
    distance = signed_distance(ink > 127)
    rows = np.flatnonzero((distance > 0).any(axis=1))
    middle = distance[rows[len(rows) // 3] : rows[2 * len(rows) // 3]]
    return 2 * float(middle.max()) / (face.frame.em * face.frame.size)


def signed_distance(ink: np.ndarray) -> np.ndarray:
    """Distance of the centre of each pixel from the outline, positive within the ink; float32."""
    inside, outside = (
        cv2.distanceTransform(part.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for part in (ink, ~ink)
    )
    return np.where(ink, inside - 0.5, 0.5 - outside)


def keeps_identity(distance: np.ndarray, offset: float, *, num_parts: tuple[int, int]) -> bool:
    """Whether the glyph, its outline moved outwards by `offset`, still has all its parts, holes and strokes.

    Where a stroke vanishes, ink lies farther from what remains than a moved outline and its corners do.

    Args:
        distance: every second pixel of the distance from the outline.
        num_parts: what `count_parts` says of the glyph as it is.
    """
    moved = distance + offset > 0
    if count_parts(moved) != num_parts:
        return False
    if offset >= 0:
        return True
    lost = cv2.distanceTransform((~moved).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return bool(2 * lost[distance > 0].max() <= 2.5 - 2.2 * offset)


def count_parts(ink: np.ndarray) -> tuple[int, int]:
    """How many connected parts the ink and the background have that are large enough to be seen."""
    counts = []
    for mask in (ink, ~ink):
        _, _, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
        counts.append(int((statistics[1:, cv2.CC_STAT_AREA] >= MIN_AREA).sum()))
    return counts[0], counts[1]


def draw_variation(glyph: Glyph, variation: Variation, *, size: int) -> np.ndarray:
    """Black on white, (size, size) uint8: sheared and scaled about the baseline, then shifted, never cut."""
    matrix = place(glyph, variation)
    fine = size * max(2, FRAME.size // size)
    zoom = fine / FRAME.size
    to_fine = np.float32(zoom) * matrix
    outside = -2.0 * MARGIN
    distance = cv2.warpAffine(
        glyph.distance.astype(np.float32), to_fine, (fine, fine), flags=cv2.INTER_LINEAR, borderValue=outside
    )
    scale = float(np.sqrt(np.abs(np.linalg.det(to_fine[:, :2]))))
    coverage = np.clip((distance + variation.offset) * scale + 0.5, 0, 1)
    small = cv2.resize(coverage, (size, size), interpolation=cv2.INTER_AREA)
    return (255 * (1 - small)).round().astype(np.uint8)


def place(glyph: Glyph, variation: Variation) -> np.ndarray:
    """(2, 3): from columns and rows of `Glyph.distance` to columns and rows of `FRAME`."""
    generator = np.random.default_rng(variation.seed)
    shear, scale = generator.uniform(-MAX_SHEAR, MAX_SHEAR), generator.uniform(*SCALES)
    shift = generator.uniform(-MAX_SHIFT, MAX_SHIFT, 2) * FRAME.size
    height, width = glyph.distance.shape
    reach = MARGIN - max(variation.offset, 0)  # of the empty margin around the ink
    edges = np.array([(x, y) for x in (reach, width - reach) for y in (reach, height - reach)])
    anchor = np.array([FRAME.size / 2, FRAME.baseline * FRAME.size])
    linear = scale * np.array([[1, -shear], [0, 1]])
    corners = (edges + glyph.corner - anchor) @ linear.T
    largest = float(np.ptp(corners, axis=0).max())
    shrink = min(1.0, (FRAME.size - 2 * EDGE) / largest)
    linear, corners = linear * shrink, corners * shrink
    shift = np.clip(anchor + shift, EDGE - corners.min(axis=0), FRAME.size - EDGE - corners.max(axis=0)) - anchor
    offset = linear @ (np.array(glyph.corner) - anchor) + anchor + shift
    return np.column_stack([linear, offset])
