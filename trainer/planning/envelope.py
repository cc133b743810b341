"""How the memory of a step grows with the batch: at each of its moments by a line, at most as the highest of them.

One line through the highest moments of two small batches would be wrong: there gradients and optimizer state weigh
most, and with large batches feature maps do, at another moment. Torch makes the same operations whatever the batch
size, so that moments of two steps can be compared one by one.
"""

from collections.abc import Iterable, Sequence

Line = tuple[float, float]
"""Bytes of a batch without images, and of each image."""


def highest_lines(
    small: Sequence[Sequence[int]], large: Sequence[Sequence[int]], *, sizes: tuple[int, int]
) -> list[Line]:
    """The lines that are the highest somewhere, by their slope.

    Args:
        small: bytes after each operation of a step with `sizes[0]` images, in segments that all steps have.
        large: likewise with `sizes[1]` images. A segment with another number of operations than before, as that of a
            loop over images, counts as one moment, its highest.
    """
    assert len(small) == len(large), (len(small), len(large))
    lines = set()
    for before, after in zip(small, large, strict=True):
        for low, high in _moments(before, after):
            slope = (high - low) / (sizes[1] - sizes[0])
            lines.add((low - slope * sizes[0], slope))
    return _upper(lines)


def at_most(lines: Iterable[Line], batch_size: int) -> int:
    """Bytes that a batch of a size takes at its highest moment."""
    return round(max(start + slope * batch_size for start, slope in lines))


def _moments(before: Sequence[int], after: Sequence[int]) -> list[tuple[int, int]]:
    if len(before) == len(after):
        return list(zip(before, after, strict=True))
    return [(max(before, default=0), max(after, default=0))]


def _upper(lines: Iterable[Line]) -> list[Line]:
    """Those of the lines that are above all others for some batch of no or more images."""
    hull: list[Line] = []
    for line in sorted(lines, key=lambda each: (each[1], each[0])):
        while hull and (
            hull[-1][0] <= line[0] or (len(hull) > 1 and _meet(hull[-2], line) <= _meet(hull[-2], hull[-1]))
        ):
            hull.pop()
        hull.append(line)
    return hull


def _meet(flat: Line, steep: Line) -> float:
    """The batch size from which on the steeper line is the higher one."""
    return (flat[0] - steep[0]) / (steep[1] - flat[1])
