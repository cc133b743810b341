"""How images lie in a sample grid: columns of equal cells under their titles. Imports no torch."""

from PIL import Image

SMALLEST_CELL, LARGEST_CELL = 128, 256
"""Pixels of a cell's longer side, as images are enlarged by whole factors, or reduced."""

GAP, HEADER = 2, 20
"""Pixels between cells, and of the titles above."""


def cell_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of the cell of an image, pixels."""
    longest = max(width, height)
    if longest > LARGEST_CELL:
        return max(1, width * LARGEST_CELL // longest), max(1, height * LARGEST_CELL // longest)
    factor = max(1, SMALLEST_CELL // longest)
    return width * factor, height * factor


def cut_columns(grid: Image.Image, *, cell: tuple[int, int], most_rows: int) -> list[Image.Image]:
    """The columns of a sample grid, each with its title above its first rows.

    Args:
        cell: width and height, as of `cell_size`. If the grid has other cells, it is its only column.
    """
    width, height = cell
    num_rows = (grid.height - HEADER + GAP) // (height + GAP)
    if (grid.width + GAP) % (width + GAP) or (grid.height - HEADER + GAP) % (height + GAP) or num_rows < 1:
        return [grid]
    bottom = HEADER + min(num_rows, most_rows) * (height + GAP) - GAP
    return [grid.crop((left, 0, left + width, bottom)) for left in range(0, grid.width, width + GAP)]
