"""Figures of several rounds as cells of a Markdown table: the median, and in brackets the least and the largest."""

from collections.abc import Sequence
from statistics import median


def median_and_range(values: Sequence[float], *, digits: int) -> str:
    """E.g. `1034 (998 to 1051)`."""
    middle, least, most = (f"{value:.{digits}f}" for value in (median(values), min(values), max(values)))
    return f"{middle} ({least} to {most})"


def ratios(values: Sequence[float], base: Sequence[float]) -> str:
    """Ratios of each round's value to the base's value of the same round: both met the same state of the machine."""
    found = [value / other for value, other in zip(values, base, strict=True)]
    return f"**{median(found):.2f}** ({min(found):.2f} to {max(found):.2f})"
