"""Pairs of 64-bit hashes that differ in few bits, found without comparing each with each.

Multi-index hashing (Norouzi, Punjani and Fleet, arXiv:1307.2982): a hash is cut into bands; two that differ in at most
R bits agree in all but R of them. So hashes are sorted once for each choice of bands, and compared with those beside
them that agree there.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

RADIUS = 6
"""Bits in which hashes of near pictures may differ."""
WINDOW = 64
"""Neighbours that a hash is compared with at the most, at each choice: what looks all alike stays affordable."""


@dataclass(frozen=True, kw_only=True)
class NearPairs:
    """What was found, and with how much work."""

    pairs: np.ndarray
    """(N, 2) rows of the hashes, the lesser first, in order; each pair once."""
    num_comparisons: int
    """And sorted keys: the work that was done."""
    is_whole: bool
    """False where more hashes agreed in their bands than are compared: pairs may be missing."""


def near_pairs(hashes: np.ndarray) -> NearPairs:
    """All pairs that differ in at most `RADIUS` bits. Work grows in proportion to the number of hashes.

    Args:
        hashes: (N,) uint64.
    """
    num_bands = RADIUS + _bands_kept(len(hashes))
    places = np.linspace(0, 64, num_bands + 1).astype(int)
    found, work, is_whole = np.zeros(0, np.int64), 0, True
    for kept in combinations(range(num_bands), num_bands - RADIUS):
        mask = np.uint64(sum(((1 << int(places[b + 1] - places[b])) - 1) << int(places[b]) for b in kept))
        codes, compared, whole = _agreeing(hashes, mask)
        work, is_whole = work + len(hashes) + compared, is_whole and whole
        found = np.union1d(found, codes)
    pairs = np.stack(np.divmod(found, max(1, len(hashes))), axis=1)
    return NearPairs(pairs=pairs, num_comparisons=work, is_whole=is_whole)


def _bands_kept(number: int) -> int:
    """Bands that must agree: so many that a chance agreement is rare, 16 bits of 65,536 hashes, 25 of 33 million."""
    return 2 if number <= 1 << 16 else 3 if number <= 1 << 21 else 4


def _agreeing(hashes: np.ndarray, mask: np.uint64) -> tuple[np.ndarray, int, bool]:
    """Near pairs among hashes that agree under the mask; comparisons; whether all that agree were compared.

    A pair is the number that its rows are the two digits of, in the base of the number of hashes.
    """
    keys = hashes & mask
    order = np.argsort(keys, kind="stable")
    keys, ordered = keys[order], hashes[order]
    here, found, work = np.arange(len(keys)), [np.zeros(0, np.int64)], 0
    for lag in range(1, WINDOW + 1):
        here = here[: np.searchsorted(here, len(keys) - lag)]
        here = here[keys[here] == keys[here + lag]]
        if not len(here):
            return np.concatenate(found), work, True
        work += len(here)
        near = here[np.bitwise_count(ordered[here] ^ ordered[here + lag]) <= RADIUS]
        first, second = order[near], order[near + lag]
        found.append(np.minimum(first, second) * len(hashes) + np.maximum(first, second))
    return np.concatenate(found), work, False
