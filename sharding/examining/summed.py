"""What was seen of all samples, added up to what is told of a data set."""

from collections import Counter

import numpy as np

from sharding.examining.alignment import Shift, shift_of
from sharding.examining.collected import Collected
from sharding.examining.found import ClassesFound, Named, PairFound, TwinFound, TwinsFound, ViewFound, named
from sharding.examining.swapped import find_swapped
from sharding.examining.twins import LEAST_SPREAD, Twins, find_twins
from sharding.format.manifest import Manifest, View

SHARP = 8.0
"""Of a shift's sharpness: below it is chance."""
_CLIPPED = 0.25
_LEAST_COLOUR = 1.0
"""Mean distance of the channels of a pixel, of 255: JPEG gives grey pictures a little."""


def sum_views(manifest: Manifest, collected: Collected) -> dict[str, ViewFound]:
    """The pictures of each view that was looked at."""
    return {
        view: _sum_view(manifest.views[view], table, collected, view)
        for view, table in collected.tables.items()
        if table["is_seen"].any()
    }


def _sum_view(info: View, table: np.ndarray, collected: Collected, view: str) -> ViewFound:
    seen = table["is_seen"]
    own, names = table[seen], collected.names[view]
    constant = seen & (table["low"] == table["high"]) & (table["spread"] == 0)
    flat = seen & ~constant & (table["spread"] < LEAST_SPREAD)
    has_classes = info.content == "classes" or info.renders_classes
    clipped = seen & ~constant & (np.maximum(table["dark"], table["bright"]) > _CLIPPED) & (not has_classes)
    grey = seen & (table["colour"] < _LEAST_COLOUR) & (info.channels == 3)
    if grey.sum() * 2 > seen.sum():
        grey[:] = False

    def those(which: np.ndarray) -> Named:
        return named(np.flatnonzero(which).tolist(), names)

    heights, widths = own["height"], own["width"]
    return ViewFound(
        num=len(own),
        sizes=(int(heights.min()), int(heights.max()), int(widths.min()), int(widths.max())),
        low=float(own["low"].min()),
        high=float(own["high"].max()),
        value_range=info.value_range,
        mean=round(float(own["mean"].mean()), 2),
        spread=round(float(own["spread"].mean()), 2),
        constant=those(constant),
        flat=those(flat),
        clipped=those(clipped),
        grey=those(grey),
    )


def sum_twins(manifest: Manifest, collected: Collected) -> dict[str, TwinsFound]:
    """Twins in each view of pictures: maps of classes are alike without being copies."""
    found = {}
    for view, table in collected.tables.items():
        info = manifest.views[view]
        if info.content == "classes" or info.renders_classes or not len(table):
            continue
        twins = find_twins(table, splits=collected.splits, split_of=collected.splits_of(view))
        found[view] = _told(twins, collected, view)
    return found


def _told(twins: Twins, collected: Collected, view: str) -> TwinsFound:
    names = collected.names[view]
    examples = [
        TwinFound(
            first=names[pair.first],
            second=names[pair.second],
            is_same=pair.is_same,
            is_mirrored=pair.is_mirrored,
            likeness=pair.likeness,
        )
        for pair in twins.examples
    ]
    across = {f"{here} -> {there}": number for (here, there), number in twins.num_across.items()}
    return TwinsFound(
        num_same=twins.num_same,
        num_within=twins.num_within,
        num_across=across,
        examples=examples,
        is_whole=twins.is_whole,
    )


def sum_pairs(manifest: Manifest, collected: Collected, *, most_shift: float) -> list[PairFound]:
    """How each further view of a paired set lies on the first."""
    return [
        _sum_pair(collected, view, most_shift=most_shift)
        for view, table in collected.pairs.items()
        if table["is_seen"].any()
    ]


def _sum_pair(collected: Collected, view: str, *, most_shift: float) -> PairFound:
    table, names = collected.pairs[view], collected.names[view]
    common, scale = _common(collected, view)
    moved = np.maximum(abs(table["down"] - common.down), abs(table["right"] - common.right)) * table["scale"]
    is_clear = (table["sharpness"] >= SHARP) & (table["sharpness_unmoved"] < table["sharpness"] / 2)
    shifted = np.flatnonzero(table["is_seen"] & is_clear & (moved > most_shift))
    told = named(shifted.tolist(), names)
    scales = table["scale"][shifted]
    shifts = np.stack([table["down"][shifted] * scales, table["right"][shifted] * scales], axis=1)
    colours = table["red_blue"][table["is_seen"]]
    colours = colours[np.isfinite(colours)]
    error = colours.std() / np.sqrt(max(1, len(colours))) if len(colours) > 1 else np.inf
    swapped = find_swapped(collected.tables[collected.first], collected.tables[view])
    return PairFound(
        first=collected.first,
        second=view,
        num=int(table["is_seen"].sum()),
        common_down=common.down * scale,
        common_right=common.right * scale,
        common_sharpness=round(common.sharpness, 1),
        shifted=told,
        shifts=[(float(down), float(right)) for down, right in shifts[: len(told.samples)]],
        red_blue=round(float(colours.mean()), 3) if len(colours) else None,
        red_blue_deviations=round(float(colours.mean() / (error + 1e-6)), 1) if len(colours) else 0.0,
        num_red_blue=len(colours),
        swapped=named(swapped.tolist(), names),
    )


def _common(collected: Collected, view: str) -> tuple[Shift, float]:
    """The shift of most pairs and the stored pixels of its unit; none where it is not clear."""
    forms = collected.spectra[view]
    if not forms:
        return Shift(down=0, right=0, sharpness=0.0), 1.0
    (height, width, scale), (_, total) = max(forms.items(), key=lambda form: form[1][0])
    shift, _ = shift_of(total, shape=(height, width))
    return (shift if shift.sharpness >= SHARP else Shift(down=0, right=0, sharpness=shift.sharpness)), scale


def sum_classes(manifest: Manifest, collected: Collected) -> dict[str, ClassesFound]:
    """Of each view that shows classes."""
    found = {}
    for view, seen in collected.seen.items():
        if not seen.classes:
            continue
        total, titles = max(1, sum(seen.classes)), [info.name for info in manifest.classes]
        found[view] = ClassesFound(
            shares={title: count / total for title, count in zip(titles, seen.classes[:-1], strict=True)},
            pictures={title: collected.class_pictures[view][place] for place, title in enumerate(titles)},
            none=seen.classes[-1] / total,
            num=int(collected.tables[view]["is_seen"].sum()),
        )
    return found


def sum_labels(manifest: Manifest, collected: Collected) -> dict[str, dict[str, dict[str, int]]]:
    """Label -> split -> value -> samples; values that no sample has are 0."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for place, (label, info) in enumerate(manifest.labels.items()):
        found[label] = {}
        for split, counts in collected.labels.items():
            own: Counter[int] = Counter()
            for values, number in counts.items():
                own[values[place]] += number
            found[label][split] = {name: own[value] for value, name in enumerate(info.names)}
    return found
