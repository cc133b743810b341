"""Pictures that are the same, or nearly, within a split and across splits."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sharding.examining.near import near_pairs

LEAST_SPREAD = 2.0
"""Of 255: flatter pictures are all alike, and no twins."""
LEAST_LIKENESS = 0.97
"""Correlation of two pictures at 16 px: equal hashes alone may come of chance."""
MOST_EXAMPLES = 200
_BLOCK = 65536


@dataclass(frozen=True, kw_only=True)
class TwinPair:
    """Two pictures that are alike."""

    first: int
    second: int
    """Rows of their table, the lesser first."""
    is_same: bool
    """To the last bit of every pixel."""
    is_mirrored: bool
    likeness: float
    """Correlation at 16 px."""


@dataclass(frozen=True, kw_only=True)
class Twins:
    """All of one view."""

    num_within: dict[str, int] = field(default_factory=dict)
    """Split -> its pictures that have a twin in it."""
    num_across: dict[tuple[str, str], int] = field(default_factory=dict)
    """Two splits -> pictures of the first that have a twin in the second."""
    num_same: int = 0
    """Pictures of which another has the very same pixels."""
    examples: list[TwinPair] = field(default_factory=list)
    """Those across splits first, then the most alike; not all where there are many."""
    is_whole: bool = True
    """False where so many pictures look alike that not all were compared."""


def find_twins(table: np.ndarray, *, splits: Sequence[str], split_of: np.ndarray) -> Twins:
    """Twins among pictures of one view.

    Args:
        table: rows of `PICTURE`.
        splits: their names.
        split_of: (N,) of each row the number of its split.
    """
    rows = np.flatnonzero(table["is_seen"] & (table["spread"] >= LEAST_SPREAD))
    same = _same(table["digest"][rows])
    pairs, is_mirrored, is_whole = _near(table, rows)
    likeness = _likeness(table, pairs, is_mirrored)
    alike = likeness >= LEAST_LIKENESS
    pairs, is_mirrored, likeness = pairs[alike], is_mirrored[alike], likeness[alike]
    reached = np.zeros((len(table), len(splits)), bool)
    for first, second in (pairs.T, pairs.T[::-1]):
        reached[first, split_of[second]] = True
    for group in same:
        _reach(reached, rows[group], split_of)
    return Twins(
        **_counts(reached, splits, split_of),
        num_same=sum(map(len, same)),
        examples=_examples(table, pairs, is_mirrored, likeness, split_of),
        is_whole=is_whole,
    )


def _same(digests: np.ndarray) -> list[np.ndarray]:
    """Groups of at least two places whose digests are equal."""
    order = np.argsort(digests, kind="stable")
    ends = np.flatnonzero(np.diff(digests[order])) + 1
    return [group for group in np.split(order, ends) if len(group) > 1] if len(order) else []


def _near(table: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Pairs of rows with near hashes, whether one is the other's mirror image, and whether all were compared."""
    number = len(rows)
    found = near_pairs(np.concatenate([table["print"][rows], table["mirrored"][rows]]))
    first, second = found.pairs.T
    is_mirrored = second >= number
    second = np.where(is_mirrored, second - number, second)
    # A mirrored pair is met from both sides; one of mirror images alone is met as it stands, too.
    wanted = (first < number) & (first < second)
    pairs = np.stack([rows[first[wanted]], rows[second[wanted]]], axis=1)
    pairs, places = np.unique(pairs, axis=0, return_index=True)  # upright where it is both
    return pairs, is_mirrored[wanted][places], found.is_whole


def _likeness(table: np.ndarray, pairs: np.ndarray, is_mirrored: np.ndarray) -> np.ndarray:
    """Correlations of the thumbnails, block by block."""
    found = [np.empty(0)]
    for start in range(0, len(pairs), _BLOCK):
        block, mirrored = pairs[start : start + _BLOCK], is_mirrored[start : start + _BLOCK]
        first, second = (table["thumb"][block[:, side]].astype(np.float32) for side in (0, 1))
        second[mirrored] = second[mirrored][:, :, ::-1]
        first, second = (each - each.mean((1, 2), keepdims=True) for each in (first, second))
        norms = np.sqrt((first**2).sum((1, 2)) * (second**2).sum((1, 2)))
        found.append((first * second).sum((1, 2)) / (norms + 1e-6))
    return np.concatenate(found)


def _reach(reached: np.ndarray, group: np.ndarray, split_of: np.ndarray) -> None:
    counts = Counter(split_of[group].tolist())
    for row in group:
        for split, number in counts.items():
            reached[row, split] |= number > (split == split_of[row])


def _counts(reached: np.ndarray, splits: Sequence[str], split_of: np.ndarray) -> dict[str, dict]:
    within, across = {}, {}
    for here, name in enumerate(splits):
        for there, other in enumerate(splits):
            number = int(reached[split_of == here, there].sum())
            if number and here == there:
                within[name] = number
            elif number:
                across[name, other] = number
    return {"num_within": within, "num_across": across}


def _examples(
    table: np.ndarray, pairs: np.ndarray, is_mirrored: np.ndarray, likeness: np.ndarray, split_of: np.ndarray
) -> list[TwinPair]:
    digests = table["digest"]
    is_same = digests[pairs[:, 0]] == digests[pairs[:, 1]]
    is_within = split_of[pairs[:, 0]] == split_of[pairs[:, 1]]
    order = np.lexsort((-likeness, ~is_same, is_within))[:MOST_EXAMPLES]
    return [
        TwinPair(
            first=int(pairs[place, 0]),
            second=int(pairs[place, 1]),
            is_same=bool(is_same[place]),
            is_mirrored=bool(is_mirrored[place]),
            likeness=round(float(likeness[place]), 4),
        )
        for place in order
    ]
