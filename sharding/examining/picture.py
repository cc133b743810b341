"""Looks at one sample: what each of its pictures shows, and how its views fit each other."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sharding.errors import DatasetError
from sharding.examining.alignment import LONGEST, edges_of, shift_of, spectrum_of
from sharding.examining.common import as_common, colour, luminance, reduced
from sharding.examining.prints import print_of
from sharding.examining.records import PAIR, PICTURE, THUMB
from sharding.format.codec.decoding import decode, decode_indices
from sharding.format.manifest import ClassInfo, View
from sharding.work.seen import Seen, look_at

_LEAST_COLOUR = 4.0
"""Mean distance of a pixel's channels, of 255: greyer pictures do not tell red from blue."""
_LEAST_SIDE = 16
"""Pixels: smaller pictures cannot be aligned."""


@dataclass(frozen=True, kw_only=True)
class SampleSeen:
    """What one sample showed."""

    pictures: dict[str, np.ndarray] = field(default_factory=dict)
    """View -> a row of `PICTURE`, without dimensions."""
    seen: dict[str, Seen] = field(default_factory=dict)
    """View -> values and classes."""
    pairs: dict[str, np.ndarray] = field(default_factory=dict)
    """Second view -> a row of `PAIR`, of it against the first."""
    spectra: dict[str, tuple[tuple[int, int, float], np.ndarray]] = field(default_factory=dict)
    """Second view -> height, width and scale, and the spectrum of alignment."""
    problem: str = ""
    """Why it could not be read; then all else is empty."""


def look_at_sample(
    files: Mapping[str, bytes], *, views: Mapping[str, View], classes: Sequence[ClassInfo], name: str
) -> SampleSeen:
    """Decode and look.

    Args:
        files: of the views, in their order: the others are compared with the first.
        name: of the sample, for messages.
    """
    found = SampleSeen()
    commons: dict[str, np.ndarray] = {}
    try:
        for view_name, content in files.items():
            view = views[view_name]
            read = decode_indices if view.content == "classes" else decode
            pixels = read(content, name=f"{name}: view {view_name!r}")
            shown = classes if view.content == "classes" or view.renders_classes else ()
            commons[view_name] = common = as_common(pixels, view=view, classes=classes)
            found.seen[view_name] = look_at(pixels, view=view, classes=shown)
            found.pictures[view_name] = look_at_picture(pixels, common)
    except DatasetError as error:
        return SampleSeen(problem=str(error))
    first, *others = commons
    for other in others:
        colours = not any(views[each].content == "classes" or views[each].renders_classes for each in (first, other))
        compare = _compare(commons[first], commons[other], has_colours=colours)
        found.pairs[other], spectrum = compare
        if spectrum is not None:
            found.spectra[other] = spectrum
    return found


def look_at_picture(pixels: np.ndarray, common: np.ndarray) -> np.ndarray:
    """A row of `PICTURE`.

    Args:
        pixels: (H, W, C), as stored.
        common: the same, as `as_common` has it.
    """
    grey = luminance(common)
    row = np.zeros((), PICTURE)
    row["is_seen"] = True
    row["digest"] = _digest(pixels)
    row["print"], row["mirrored"] = print_of(grey)
    row["thumb"] = reduced(grey, (THUMB, THUMB)).round()
    row["height"], row["width"] = grey.shape
    row["low"], row["high"] = pixels.min(), pixels.max()
    row["mean"], row["spread"] = grey.mean(), grey.std()
    row["dark"], row["bright"] = (common == 0).mean(), (common == 255).mean()
    row["colour"] = colour(common)
    row["detail"] = np.abs(np.diff(grey, axis=1)).mean() if grey.shape[1] > 1 else 0.0
    return row


def _digest(pixels: np.ndarray) -> int:
    digest = hashlib.blake2b(f"{pixels.dtype}{pixels.shape}".encode(), digest_size=8)
    digest.update(np.ascontiguousarray(pixels).data)
    return int.from_bytes(digest.digest(), "little")


def _compare(
    first: np.ndarray, second: np.ndarray, *, has_colours: bool
) -> tuple[np.ndarray, tuple[tuple[int, int, float], np.ndarray] | None]:
    """A row of `PAIR`, and what a common shift is told by; None of pictures that cannot be aligned."""
    row = np.zeros((), PAIR)
    row["is_seen"] = True
    row["red_blue"] = red_blue(first, second) if has_colours else np.nan
    height, width = first.shape[:2]
    scale = max(1.0, max(height, width) / LONGEST)
    shape = round(height / scale), round(width / scale)
    if min(shape) < _LEAST_SIDE or first.shape[:2] != second.shape[:2]:
        return row, None
    edges = [edges_of(reduced(luminance(each), shape)) for each in (first, second)]
    spectrum = spectrum_of(*edges)
    shift, row["sharpness_unmoved"] = shift_of(spectrum, shape=shape)
    row["down"], row["right"], row["sharpness"], row["scale"] = shift.down, shift.right, shift.sharpness, scale
    return row, ((*shape, scale), spectrum)


def red_blue(first: np.ndarray, second: np.ndarray) -> float:
    """Correlation of red less blue of two pictures (H, W, 3), at 16 px: -1 where one has them swapped.

    NaN where one of them has too little colour to tell.
    """
    if min(colour(each) for each in (first, second)) < _LEAST_COLOUR:
        return np.nan
    differences = [each[:, :, 0].astype(np.float32) - each[:, :, 2] for each in (first, second)]
    small = np.stack([reduced(each, (THUMB, THUMB)).ravel() for each in differences])
    return np.nan if small.std(axis=1).min() < 1 else float(np.corrcoef(small)[0, 1])
